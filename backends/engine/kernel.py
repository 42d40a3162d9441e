"""What the kernel keeps for a container beside files and processes."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from asynccode.backends.engine.digests import text
from asynccode.backends.engine.trees import mounts
from asynccode.backends.warden.syscalls import CLONE_NEWIPC, setns

COUNTERS = ("dev", "snmp", "snmp6", "netstat", "ip6_flowlabel", "ipv6_route", "rt6_stats")
"""Which no kernel changes by itself where there is nothing but the loopback."""
IPC_PRIVATE = IPC_RMID = 0
IPC_SLOTS = 64
"""So many numbers of System V objects are given in a row; the next lap begins IPC_LAP later."""
IPC_LAP = 1 << 15
_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


def objects(init: int, container: str) -> Iterator[str]:
    """Give System V and POSIX IPC, and keys."""

    def read() -> list[str]:
        return [text(f"/proc/sysvipc/{name}") for name in ("msg", "sem", "shm")]

    yield from _inside(init, read)
    if not os.path.ismount(f"/proc/{init}/root/dev/mqueue"):  # else `files` has looked
        raise OSError("message queues cannot be looked at")
    for line in text("/proc/keys").splitlines():
        if container in line:  # its session's keyring: all but how many processes hold it
            words = line.split()
            yield repr([*words[:2], *words[3:]])


def numbers(init: int) -> tuple[int, ...]:
    """Give the numbers that the next System V objects have, and the next files in memory.

    To see them is to use them up. They go on counting when what had one is gone, in the container
    alone: the next one there would see how much was made.
    """

    def make() -> list[int]:
        made = [
            (_libc.shmctl, _libc.shmget(IPC_PRIVATE, 1, 0o600), (IPC_RMID, None)),
            (_libc.msgctl, _libc.msgget(IPC_PRIVATE, 0o600), (IPC_RMID, None)),
            (_libc.semctl, _libc.semget(IPC_PRIVATE, 1, 0o600), (0, IPC_RMID)),
        ]
        for remove, number, how in made:
            if number < 0 or remove(number, *how) < 0:
                raise OSError("objects")
        return [number for _, number, _ in made]

    found = _inside(init, make)
    for mount in mounts(init):
        if mount.kind == "tmpfs" and os.path.isdir(mount.where):
            fd = os.open(mount.where, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            found.append(os.fstat(fd).st_ino)
            os.close(fd)
    return tuple(found)


def follow(later: tuple[int, ...], earlier: tuple[int, ...]) -> bool:
    """Whether these `numbers` are the next after others."""
    expected = [number + 1 for number in earlier]
    for at, number in enumerate(earlier[:3]):
        if number % IPC_LAP == IPC_SLOTS - 1:
            expected[at] += IPC_LAP - IPC_SLOTS
    return later == tuple(expected)


def _inside(init: int, function: Callable[[], T]) -> T:
    """Call something in the IPC namespace of a process, in a thread that ends there."""
    found: list[T] = []

    def enter() -> None:
        with suppress(OSError), open(f"/proc/{init}/ns/ipc", "rb") as space:
            setns(space.fileno(), CLONE_NEWIPC)
            found.append(function())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if not found:
        raise OSError("the IPC namespace cannot be entered")
    return found[0]


def network(init: int) -> Iterator[str]:
    """Give what is left of connections, and of attempts at some."""
    for name in COUNTERS:
        yield text(f"/proc/{init}/net/{name}")
    yield text(f"/proc/{init}/net/sockstat").partition("\n")[0]  # the rest is the machine's
    # A network has files of its own, and they can be given away.
    for folder, folders, names in os.walk(f"/proc/{init}/net"):
        folders.sort()
        for name in (".", *sorted(names)):
            info = os.lstat(os.path.join(folder, name))
            yield f"{name} {info.st_mode} {info.st_uid} {info.st_gid}"
