"""What one container holds of memory: what is in it, and what minds it for the engine.

Not the difference in what is available: what an engine leaves running for a while after others
(Podman's monitors of `exec`s, for five minutes) ends at any time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from asynccode.backends.engine.backend import EngineBackend
from asynccode.outcomes import MiB

USAGE = ("memory/memory.usage_in_bytes", "memory.current")
"""Below where a container sees its control groups: of version 1, of version 2."""


async def memory(backend: EngineBackend, name: str) -> float:
    """Give what a container holds by its control group, and what its minders do, in MiB."""
    known = await backend.engine.containers.inspect(name)
    group = Path(f"/proc/{known['State']['Pid']}/root/sys/fs/cgroup")
    inside = next(int((group / file).read_text()) for file in USAGE if (group / file).exists())
    return (inside + sum(_proportional(pid) for pid in _minders(str(known["Id"])))) / MiB


def _minders(container: str) -> list[int]:
    """Find the processes that have a container's id among their words (a shim, monitors)."""
    found = []
    for entry in os.listdir("/proc"):
        with suppress(OSError):
            if (
                entry.isdigit()
                and container.encode() in Path(f"/proc/{entry}/cmdline").read_bytes()
            ):
                found.append(int(entry))
    return found


def _proportional(pid: int) -> int:
    """Give a process's memory, what it shares divided by those who share it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
