"""What nsjail takes from a jail's processes, taken from one that is born beside nsjail."""

from __future__ import annotations

import ctypes
import struct

from asynccode.backends.warden.syscalls import prctl, raw

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 4, 22, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 47
PR_CAP_AMBIENT_RAISE = 2
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION = 0x20080522
LAST = 63


def hide() -> None:
    """Keep this process from the jail's others until it has become the program.

    Its memory is a copy of the warden's. Executing a program makes it visible again.
    """
    prctl(PR_SET_DUMPABLE, 0)


def drop_capabilities(kept: int) -> None:
    """Keep the capabilities of a mask: of root, and as what can be had at all."""
    for number in range(LAST + 1):
        if not kept >> number & 1:
            try:
                prctl(PR_CAPBSET_DROP, number)
            except OSError:  # beyond what this kernel knows
                break
    header = ctypes.create_string_buffer(struct.pack("Ii", CAPABILITY_VERSION, 0))
    low, high = kept & 0xFFFFFFFF, kept >> 32
    data = ctypes.create_string_buffer(struct.pack("6I", low, low, low, high, high, high))
    raw("capset", header, data)
    for number in range(LAST + 1):
        if kept >> number & 1:
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number)


def filter_calls(program: bytes) -> None:
    """Obey a seccomp filter, in the kernel's form, for ever."""
    code = ctypes.create_string_buffer(program, len(program))
    where = ctypes.addressof(code)
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, where))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(whole))
