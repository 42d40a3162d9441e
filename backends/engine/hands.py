"""Counting and signalling what runs in a container.

From the host, where the engine's containers are processes of this machine and we are root:
microseconds, and no fork bomb can keep us from it. Else from inside, through a shell of our own
that is started with the container and does everything in built-ins: a fraction of a
millisecond more a step.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Protocol

from asynccode.backends import processes
from asynccode.errors import SandboxLost
from asynccode.outcomes import Outcome
from asynccode.shell.slot import Slot

COUNT = ("pids/pids.current", "pids.current")
MEMBERS = ("pids/cgroup.procs", "cgroup.procs")
EVENTS = (
    ("pids/pids.events", "max"),
    ("pids.events", "max"),
    ("memory/memory.oom_control", "oom_kill"),
    ("memory.events", "oom_kill"),
)
"""Files of control groups of either version, below where a container sees its own."""
HELP_SECONDS = 5.0


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
                        stat = _content(f"/proc/{pid}/stat")
                        return pid, int(stat.rpartition(b")")[2].split()[1])
        return ()

    async def session(self, leader: int) -> Collection[int]:
        """Look through the list for those that say so."""
        found = []
        for pid in await self.members():
            with suppress(OSError):
                if _value(_content(f"/proc/{pid}/status"), "NSsid:") == leader:
                    found.append(pid)
        return found

    async def busy(self) -> bool:
        """Look through the list for one."""
        for pid in await self.members():
            with suppress(OSError):
                if _content(f"/proc/{pid}/stat").rpartition(b") ")[2].startswith(b"R"):
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
                found |= {word: _value(_content(self._open(path)), word)}
        return found.get("max", 0), found.get("oom_kill", 0)

    def _open(self, *paths: str) -> int:
        for path in paths:
            with suppress(OSError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
        raise OSError("it has no control group for processes")

    def _members(self) -> Collection[int]:
        lines = _content(self._open(*MEMBERS)).split()
        return [int(line) for line in lines if line != b"0"]


class HelperHand:
    """From inside, through a shell that only we speak to."""

    def __init__(self, make: Callable[[], Slot]) -> None:
        """Take what makes a slot for one more shell in the container."""
        self._make = make
        self._slot: Slot | None = None
        self._own: Collection[int] = ()

    async def start(self) -> None:
        """Start the helper, or a new one when a step has killed it."""
        self.close()
        self._slot = self._make()
        await self._slot.start()
        self._own = await self.kin(self._slot.shell)

    def close(self) -> None:
        """Close the helper."""
        if self._slot is not None:
            self._slot.close()

    async def count(self) -> int:
        """Read the counter."""
        return int(await self._first(COUNT, "read -r x; echo $x") or 0)

    async def members(self) -> Collection[int]:
        """List /proc, which is all there is inside, but for the helper."""
        text = await self._do("cd /proc && echo [0-9]*")
        return {int(word) for word in text.split() if word.isdigit()} - set(self._own)

    async def kin(self, shell: int) -> Sequence[int]:
        """Ask /proc for the parent."""
        line = await self._do(f"read -r x </proc/{shell}/stat && echo ${{x##*) }}")
        fields = line.split()
        return (shell, int(fields[1])) if len(fields) > 1 else ()

    async def session(self, leader: int) -> Collection[int]:
        """Ask /proc."""
        return await self._those(f"$4 = {leader}")

    async def busy(self) -> bool:
        """Ask /proc."""
        return bool(set(await self._those("$1 = R")) - set(self._own))

    async def send(self, numbers: Collection[int], signal_number: int) -> None:
        """Signal them with Bash's own `kill`."""
        if numbers:
            name = signal.Signals(signal_number).name.removeprefix("SIG")
            await self._do(f"kill -{name} {' '.join(map(str, numbers))}")

    async def events(self) -> Sequence[int]:
        """Read the kernel's counts."""
        found: dict[str, int] = {}
        for path, word in EVENTS:
            text = await self._first((path,), "while read -r x; do echo $x; done")
            if text:
                found |= {word: _value(text.encode(), word)}
        return found.get("max", 0), found.get("oom_kill", 0)

    async def _those(self, condition: str) -> Sequence[int]:
        """Give the processes with such a state `$1`, parent `$2`, session `$4`."""
        code = f"read -r x <$p/stat && set -- ${{x##*) }} && [[ {condition} ]] && echo $p"
        text = await self._do(f"cd /proc; for p in [0-9]*; do {code}; done")
        return [int(word) for word in text.split()]

    async def _first(self, paths: Sequence[str], code: str) -> str:
        for path in paths:
            if text := await self._do(f"{{ {code}; }} </sys/fs/cgroup/{path}"):
                return text
        return ""

    async def _do(self, code: str) -> str:
        assert self._slot is not None
        if self._slot.is_lost:
            await self.start()
        code = f"{{ {code}; }} 2>/dev/null"
        try:
            result = await self._slot.run(code, seconds=HELP_SECONDS, split=False)
        except SandboxLost:
            await self.start()
            result = await self._slot.run(code, seconds=HELP_SECONDS, split=False)
        return result.text


class NoCustody:
    """Of the helper's own shell: it is never stopped, and nothing it does meets a limit."""

    def __init__(self, obituary: str = "The helper in the container has ended.") -> None:
        self._obituary = obituary

    async def stop(self, shell: int, *, everything: bool, force: bool) -> None:
        """Give up: a helper that hangs is lost."""
        raise SandboxLost(self._obituary)

    async def kill(self, shell: int) -> None:
        """Give up."""
        raise SandboxLost(self._obituary)

    def holds(self, shell: int) -> bool:
        """Whether the shell is there, as far as is known."""
        return True

    async def breach(self, status: int | None) -> Outcome | None:
        """Give None."""
        return None

    def obituary(self) -> str:
        """Say what is lost."""
        return self._obituary


def _content(file: str | int) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()


def _value(text: bytes, word: str) -> int:
    """Give the last number of the line that begins with a word."""
    for line in text.splitlines():
        fields = line.split()
        if fields and fields[0].decode() == word:
            return int(fields[-1])
    return 0
