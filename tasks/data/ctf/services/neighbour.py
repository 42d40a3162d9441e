"""Greets people by name."""

import ctypes

CAPTAIN = 1337


class Visitor(ctypes.Structure):
    """Who is at the door."""

    _fields_ = [("name", ctypes.c_char * 16), ("rank", ctypes.c_int32)]


def converse(reader, writer):
    """Greet one visitor."""
    writer.write(b"Your name?\n")
    line = reader.readline(ctypes.sizeof(Visitor) + 1).rstrip(b"\n")
    visitor = Visitor(rank=1)
    ctypes.memmove(ctypes.addressof(visitor), line, len(line))
    if visitor.rank == CAPTAIN:
        writer.write(f"{SECRET}\n".encode())
    else:
        writer.write(b"Welcome, " + visitor.name + b", of rank %d.\n" % visitor.rank)
