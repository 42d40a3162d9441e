"""One nsjail as the warden holds it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

from asynccode.backends import processes

LOG_BYTES = 4000


class Jail:
    """One nsjail and what we must know to end it."""

    def __init__(self, pid: int, log: int) -> None:
        self.pid, self.log = pid, log
        self.closing: int | None = None
        """Number of the request that waits for its end."""
        self.has_terminals = False
        self.runner = 0
        """Process id of what runs its programs from outside, if anything does."""
        self.streams: list[int] = []
        self.order: dict[str, Any] = {}
        """What another runner would need: descriptors, which this owns, and what it must obey."""

    @property
    def init(self) -> int:
        """Give the jail's first process; raises `ProcessLookupError` if there is none yet."""
        for pid in processes.children(self.pid):
            return pid
        raise ProcessLookupError("the jail has no process")

    def kill(self) -> None:
        """Kill all of it: with its first process a pid namespace ends.

        nsjail sees that, removes the jail's control groups and ends too.
        """
        inits = processes.children(self.pid)
        for pid in (*(inits or [self.pid]), *self.runners):
            processes.send(pid, signal.SIGKILL)

    def say(self, words: str) -> None:
        """Say something in the place of a runner."""
        with suppress(OSError):
            os.write(self.streams[0], f"{words}\n".encode())

    def close(self) -> None:
        """Close what a runner would need."""
        while self.streams:
            os.close(self.streams.pop())

    @property
    def runners(self) -> list[int]:
        """Give its runner, if it has one."""
        return [self.runner] if self.runner else []

    def last_words(self) -> str:
        """Give what nsjail logged."""
        return last_words(self.log)


def last_words(log: int) -> str:
    """Give what was written to a pipe, and close it."""
    try:
        return os.read(log, LOG_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(log)
