"""Who owns what we leave on a machine, so that the living clean up after the dead."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import cache

from attrs import frozen

VARIABLE = "ASYNCCODE_OWNER"
"""Environment variable that marks processes which no namespace holds together."""


def _started(pid: int) -> int | None:
    """Give the kernel's start time of `pid`, in ticks since boot; None if there is no such."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return None


@frozen(kw_only=True)
class Owner:
    """A process, told apart from later ones of the same number by its start time."""

    pid: int
    started: int

    @property
    def label(self) -> str:
        """`PID.START`, for names of things."""
        return f"{self.pid}.{self.started}"

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read a label, followed by anything after a `-`; raises `ValueError` for others."""
        pid, started = text.partition("-")[0].split(".")
        return cls(pid=int(pid), started=int(started))

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return _started(self.pid) != self.started


@cache
def _owner(pid: int) -> Owner:
    return Owner(pid=pid, started=_started(pid) or 0)


def me() -> Owner:
    """Give the present process (a forked child is somebody else)."""
    return _owner(os.getpid())


def kill_orphans() -> list[int]:
    """Kill the marked processes whose owner is dead; gives their numbers."""
    killed = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError, ValueError):
            with open(f"/proc/{name}/environ", "rb") as file:
                variables = dict(item.partition(b"=")[::2] for item in file.read().split(b"\0"))
            label = variables.get(VARIABLE.encode())
            if label is not None and Owner.parse(label.decode()).is_dead():
                os.kill(int(name), signal.SIGKILL)
                killed.append(int(name))
    return killed
