"""Greets through a pointer. Commands: about, name HEX, call."""

import ctypes

FUNCTION = ctypes.CFUNCTYPE(None)
said = []
greet = FUNCTION(lambda: said.append("hello"))
reveal = FUNCTION(lambda: said.append(SECRET))


def address(function):
    """Give where a function is."""
    return ctypes.cast(function, ctypes.c_void_p).value


class Record(ctypes.Structure):
    """A name and what to call."""

    _fields_ = [("name", ctypes.c_char * 24), ("callback", ctypes.c_uint64)]


def converse(reader, writer):
    """Serve one client."""
    record = Record(callback=address(greet))
    for line in reader:
        command, _, rest = line.decode().strip().partition(" ")
        if command == "about":
            answer = f"greet={address(greet):#x} reveal={address(reveal) - address(greet)}"
        elif command == "name":
            data = bytes.fromhex(rest)[: ctypes.sizeof(Record)]
            ctypes.memmove(ctypes.addressof(record), data, len(data))
            answer = "noted"
        elif command == "call":
            if record.callback in (address(greet), address(reveal)):
                FUNCTION(record.callback)()
                answer = said.pop()
            else:
                answer = "that would have crashed"
        else:
            answer = "about, name HEX or call"
        writer.write(f"{answer}\n".encode())
