"""The few system calls Python has no name for (before 3.12, or at all)."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

CLONE_PARENT = 0x00008000
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOEXEC = 8
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
SYS_CLOSE_RANGE, SYS_OPENAT2 = 436, 437
SYS_CLONE = {"x86_64": 56, "aarch64": 220}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]  # half of what a call costs


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process to new namespaces."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int) -> None:
    """Move this process to the namespace that a descriptor names."""
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    """Put a file system in place; raises `OSError` that says where."""
    result = _libc.mount(
        source.encode(),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode(),
    )
    _check(result, f"mount {kind or source} at {target}")


def fork_sibling() -> int:
    """Fork a child of our parent's, as it were; see `fork`."""
    return fork(CLONE_PARENT)


def fork(flags: int = 0) -> int:
    """Fork; gives the child's process id, and 0 to itself.

    It must not do more than a forked child of a program with threads may.
    """
    number = SYS_CLONE[os.uname().machine]
    pid = int(_libc.syscall(number, flags | signal.SIGCHLD, 0, 0, 0, 0))
    _check(pid, "clone")
    return pid


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def openat2(folder: int, path: bytes, flags: int, resolve: int) -> int:
    """Open what is below a folder; `resolve` says which ways there are none (Linux 5.6)."""
    how = _How(flags, 0, resolve)
    fd = int(_libc.syscall(SYS_OPENAT2, folder, path, ctypes.byref(how), ctypes.sizeof(how)))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return fd


def close_above(fd: int) -> None:
    """Close every descriptor above `fd`."""
    if _libc.syscall(SYS_CLOSE_RANGE, fd + 1, 0x7FFFFFFF, 0):  # before Linux 5.9
        os.closerange(fd + 1, os.sysconf("SC_OPEN_MAX"))


def prctl(option: int, *arguments: int) -> None:
    """Change something about this process, as prctl does."""
    if _libc.prctl(option, *(*arguments, 0, 0, 0, 0)[:4]) < 0:
        _check(-1, f"prctl {option}")


def raw(name: str, *arguments: Any) -> None:
    """Call a function of libc that gives a negative number and errno when it fails."""
    _check(getattr(_libc, name)(*arguments), name)


def die_with_parent(number: int, parent: int) -> None:
    """Ask for a signal when `parent` ends; raises `SystemExit` if it has ended already."""
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        raise SystemExit(1)
