"""One nsjail as the warden holds it."""

from __future__ import annotations

import os
import signal

from asynccode.backends import processes

LOG_BYTES = 4000


class Jail:
    """One nsjail and what we must know to end it."""

    def __init__(self, pid: int, log: int) -> None:
        self.pid, self.log = pid, log
        self.closing: int | None = None
        """Number of the request that waits for its end."""
        self.has_terminals = False

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
        for pid in inits or [self.pid]:
            processes.send(pid, signal.SIGKILL)

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
