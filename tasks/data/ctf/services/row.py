"""Keeps ten numbers. Commands: get PLACE, set PLACE NUMBER."""

import ctypes


class Memory(ctypes.Structure):
    """What we keep, in a row."""

    _fields_ = [("numbers", ctypes.c_int32 * 10), ("label", ctypes.c_char * 64)]


def converse(reader, writer):
    """Serve one client."""
    memory = Memory(label=SECRET.encode())
    size = ctypes.sizeof(Memory) // ctypes.sizeof(ctypes.c_int32)
    row = (ctypes.c_int32 * size).from_buffer(memory)
    for line in reader:
        words = line.decode().split()
        if words[:1] == ["get"] and len(words) == 2 and 0 <= int(words[1]) < size:
            answer = row[int(words[1])]
        elif words[:1] == ["set"] and len(words) == 3 and 0 <= int(words[1]) < 10:
            row[int(words[1])] = int(words[2])
            answer = "set"
        else:
            answer = "get PLACE or set PLACE NUMBER"
        writer.write(f"{answer}\n".encode())
