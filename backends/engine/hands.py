"""Counting and signalling what runs in a container.

From the host, where the engine's containers are processes of this machine and we are root:
microseconds, and no fork bomb can keep us from it. Else from inside (`helper.py`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Protocol

from asynccode.backends import processes
from asynccode.outcomes import Window
from asynccode.shell.program import set_size

COUNT = ("pids/pids.current", "pids.current")
MEMBERS = ("pids/cgroup.procs", "cgroup.procs")
EVENTS = (
    ("pids/pids.events", "max"),
    ("pids.events", "max"),
    ("memory/memory.oom_control", "oom_kill"),
    ("memory.events", "oom_kill"),
)
"""Files of control groups of either version, below where a container sees its own."""


class Hand(Protocol):
    """Reaches a container's processes; numbers are the hand's own, but for `shell`."""

    async def count(self) -> int:
        """Give how many processes and threads there are."""
        ...

    async def members(self) -> Collection[int]:
        """Give all processes."""
        ...

    async def kin(self, shell: int) -> Sequence[int]:
        """Give a shell, by the number it has inside, and its parent; empty if it is gone."""
        ...

    async def session(self, leader: int) -> Collection[int]:
        """Give the processes of a POSIX session, by the number its leader has inside."""
        ...

    async def busy(self) -> bool:
        """Whether a process runs, or would if it had a processor."""
        ...

    async def resize(self, leader: int, window: Window) -> bool:
        """Size the terminal of a POSIX session; whether that could be done."""
        ...

    async def send(self, numbers: Collection[int], signal_number: int) -> None:
        """Signal processes; those that are gone do not matter."""
        ...

    async def events(self) -> Sequence[int]:
        """Give how often a fork failed and how often memory ran out (`oom_kill`) so far."""
        ...


class HostHand:
    """From the host, through /proc and the container's control groups."""

    def __init__(self, init: int) -> None:
        """Take the number that process 1 has here; raises `OSError` if it is out of reach."""
        self._folder = os.open(f"/proc/{init}/root/sys/fs/cgroup", os.O_PATH | os.O_CLOEXEC)
        self._counter = -1
        try:
            if processes.inner_pid(init) != 1:
                raise OSError(f"{init} is no container's process here")
            self._counter = self._open(*COUNT)
            if init not in self._members():
                raise OSError("its control group is not its own")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the descriptors; safe to call twice."""
        for fd in (self._folder, self._counter):
            if fd >= 0:
                os.close(fd)
        self._folder = self._counter = -1

    async def count(self) -> int:
        """Ask the kernel's counter."""
        with suppress(OSError, ValueError):
            return int(os.pread(self._counter, 20, 0))
        return 0

    async def members(self) -> Collection[int]:
        """Read the control group's list."""
        with suppress(OSError):
            return self._members()
        return ()

    async def kin(self, shell: int) -> Sequence[int]:
        """Look through the list for the shell."""
        with suppress(OSError):
            for pid in self._members():
                with suppress(OSError, IndexError):
                    if processes.inner_pid(pid) == shell:
                        return pid, int(_fields(pid)[1])
        return ()

    async def session(self, leader: int) -> Collection[int]:
        """Look through the list for those that say so."""
        found = []
        for pid in await self.members():
            with suppress(OSError):
                if value_of(_content(f"/proc/{pid}/status"), "NSsid:") == leader:
                    found.append(pid)
        return found

    async def busy(self) -> bool:
        """Look through the list for one."""
        for pid in await self.members():
            with suppress(OSError):
                if _fields(pid)[0] == b"R":
                    return True
        return False

    async def resize(self, leader: int, window: Window) -> bool:
        """Open the container's own name of the terminal."""
        for pid in (await self.kin(leader))[:1]:
            with suppress(OSError):
                number = terminal_number(int(_fields(pid)[4]))
                way = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
                terminal = os.open(f"/proc/{pid}/root/dev/pts/{number}", way)
                try:
                    set_size(terminal, window)
                finally:
                    os.close(terminal)
                return True
        return False

    async def send(self, numbers: Collection[int], signal_number: int) -> None:
        """Signal them."""
        for number in numbers:
            processes.send(number, signal_number)

    async def events(self) -> Sequence[int]:
        """Read the kernel's counts."""
        found: dict[str, int] = {}
        for path, word in EVENTS:
            with suppress(OSError):
                found |= {word: value_of(_content(self._open(path)), word)}
        return found.get("max", 0), found.get("oom_kill", 0)

    def _open(self, *paths: str) -> int:
        for path in paths:
            with suppress(OSError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
        raise OSError("it has no control group for processes")

    def _members(self) -> Collection[int]:
        lines = _content(self._open(*MEMBERS)).split()
        return [int(line) for line in lines if line != b"0"]


def _fields(pid: int) -> list[bytes]:
    """Give what is in `/proc/PID/stat` after the name: state, parent, group, session, terminal."""
    return _content(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def terminal_number(device: int) -> int:
    """Give the number of a pseudo-terminal, as in /dev/pts, of its device's number."""
    return device & 0xFF | device >> 12 & 0xFFF00


def _content(file: str | int) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


def value_of(text: bytes, word: str) -> int:
    """Give the last number of the line that begins with a word."""
    for line in text.splitlines():
        fields = line.split()
        if fields and fields[0].decode() == word:
            return int(fields[-1])
    return 0
