"""The ticket office: `ticket NAME` gives a ticket, `enter TICKET` lets its owner in."""

import zlib

KEY, FLAG = SECRET.split()


def sign(name):
    """Sign a name; nobody has our key, so nobody can forge one."""
    return f"{zlib.crc32(KEY.encode() + name.encode()):08x}"


def converse(reader, writer):
    """Serve one visitor."""
    for line in reader:
        command, _, rest = line.decode().strip().partition(" ")
        if command == "ticket":
            answer = "no" if rest == "admin" else f"{rest}:{sign(rest)}"
        elif command == "enter":
            name, _, mac = rest.partition(":")
            known = sign(name) == mac
            answer = FLAG if known and name == "admin" else "welcome" if known else "forged"
        else:
            answer = "ticket NAME or enter TICKET"
        writer.write(f"{answer}\n".encode())
