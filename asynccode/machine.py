"""What the machine can hold: sandboxes alive and episodes at once."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from attrs import frozen

from asynccode.errors import InputError
from asynccode.outcomes import MiB

FDS_PER_SANDBOX = 8
BYTES_PER_SANDBOX = 4 * MiB
PIDS_PER_SANDBOX = 8
EPISODES_PER_CORE = 128


@frozen(kw_only=True)
class Machine:
    """What the machine has to give, at one moment."""

    cores: int
    memory_bytes: int
    open_files: int
    processes: int

    @classmethod
    def measure(cls) -> Machine:
        """Look at this machine; what cannot be read does not limit."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls(
            cores=len(os.sched_getaffinity(0)),
            memory_bytes=_available_memory(),
            open_files=soft if soft != resource.RLIM_INFINITY else 1 << 20,
            processes=_number("/proc/sys/kernel/pid_max", 1 << 15),
        )

    @property
    def sandboxes(self) -> int:
        """How many sandboxes it can hold."""
        return max(
            1,
            min(
                (self.open_files - 64) // FDS_PER_SANDBOX,
                self.memory_bytes // BYTES_PER_SANDBOX,
                self.processes // PIDS_PER_SANDBOX,
            ),
        )

    def episodes(self, asked: int | None = None) -> int:
        """Decide how many episodes may run at once.

        Never more than half the sandboxes that fit, since an episode may need a second world
        to be scored in; without a wish, no more than 128 a core either. Raises `InputError`
        for a wish below one.
        """
        if asked is not None and asked < 1:
            raise InputError(f"The concurrency must be at least 1, not {asked}.")
        wish = self.cores * EPISODES_PER_CORE if asked is None else asked
        return max(1, min(wish, self.sandboxes // 2))


def raise_file_limit() -> None:
    """Let this process open as many files as the administrator allows it to.

    For programs of ours, not for the library: it changes the whole process.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _number(path: str, default: int) -> int:
    try:
        return int(Path(path).read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return default


def _available_memory() -> int:
    available = 1 << 40
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    # "max", and the huge number by which version 1 says it, do not limit.
    groups = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    return min(available, *(_number(path, available) for path in groups))
