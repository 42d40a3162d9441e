"""Where limits on memory and processes come from: control groups, version 1 or 2, or none.

Each jail has groups of its own below parents of ours, which are named after their owner, so
that what a killed owner leaves behind can be told from what is in use.

Processor time is shared out between groups before it is between processes: all jails together
weigh a fraction of one process on each processor, and all the same among themselves: what no
event loop needs is theirs. Without that, thousands of processes that are ready to run, each
with a priority of its own, however low, leave next to nothing to the event loop that they wait
for.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PREFIX = "asynccode-"
CONTROLLERS = ("cpu", "memory", "pids")
WEIGHT = 0.5
"""As many processes on each processor all jails together weigh. With 4, an event loop that 2,000
shells keep busy did half the steps a second, and was held up twice as long."""


def _parents(root: Path) -> dict[str, Path]:
    """Give, for each controller, the group below which ours would go."""
    with suppress(OSError):
        if {"memory", "pids"} <= set((root / "cgroup.controllers").read_text().split()):
            return {"memory": root, "pids": root}
    return {name: root / name for name in CONTROLLERS if (root / name).is_dir()}


def create(label: str, root: Path = ROOT) -> dict[str, Path]:
    """Make our parent groups; gives those that could be made (none for most ordinary users)."""
    made: dict[str, Path] = {}
    for name, parent in _parents(root).items():
        group = parent / f"{PREFIX}{label}"
        with suppress(OSError):
            group.mkdir(exist_ok=True)
            if (group / "cgroup.subtree_control").exists():
                for where in (parent, group):
                    (where / "cgroup.subtree_control").write_text("+memory +pids")
                    with suppress(OSError):  # good to have
                        (where / "cgroup.subtree_control").write_text("+cpu")
            _weigh(group)
            made[name] = group
    return made


SHARES = ("cpu.shares", 1024, 1 << 18), ("cpu.weight", 100, 10_000)
"""Where a group's share of processor time is set, in either version; one process's; the most."""


def share_processors(groups: dict[str, Path]) -> bool:
    """Whether processor time is shared out between these groups and everybody else."""
    return any((group / name).exists() for group in groups.values() for name, _, _ in SHARES)


def _weigh(group: Path) -> None:
    """Give a group its share of processor time, where it is a group for that."""
    weight = WEIGHT * (os.cpu_count() or 1)
    for name, one, most in SHARES:
        if (group / name).exists():
            (group / name).write_text(str(int(min(weight * one, most))))


def jail(group: Path, number: int) -> Path:
    """Give the group of a jail below a parent of ours."""
    return group / f"jail-{number}"


def prepare(groups: dict[str, Path], number: int) -> None:
    """Make the groups of a jail."""
    for group in set(groups.values()):
        jail(group, number).mkdir(exist_ok=True)


def join(groups: dict[str, Path], number: int) -> None:
    """Move this process to the groups of a jail; its children are born there.

    In version 2 the kernel may take 10 ms for that (it waits until no processor looks at the
    old state), which is why it is done by an nsjail that is started ahead. To move one thread,
    as version 1 can, it need not wait; and this process has only one.
    """
    for group in set(groups.values()):
        where = f"{group}/jail-{number}"  # every start of a jail waits for this: no path objects
        try:
            try:
                file = os.open(f"{where}/tasks", os.O_WRONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                file = os.open(f"{where}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(file, b"0")
            finally:
                os.close(file)
        except OSError:
            if group != groups.get("cpu"):  # a process of a real-time class may have to stay out
                raise


def limit(groups: dict[str, Path], number: int, *, memory_bytes: int, processes: int) -> None:
    """Set what a jail may use; nsjail itself comes on top."""
    if group := groups.get("memory"):
        where = jail(group, number)
        old = where / "memory.limit_in_bytes"
        _put(old if old.exists() else where / "memory.max", memory_bytes)
    if group := groups.get("pids"):
        _put(jail(group, number) / "pids.max", processes + 1)


def _put(path: Path, number: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"%d" % number)
    finally:
        os.close(fd)


def _count(path: Path, key: str) -> int:
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return 0


def oom_kills(groups: dict[str, Path], number: int) -> int:
    """Give how often the kernel has killed in a jail for want of memory."""
    if group := groups.get("memory"):
        where = jail(group, number)
        old = _count(where / "memory.oom_control", "oom_kill")
        return old or _count(where / "memory.events", "oom_kill")
    return 0


def fork_failures(groups: dict[str, Path], number: int) -> int:
    """Give how often a jail has met its limit on processes."""
    group = groups.get("pids")
    return _count(jail(group, number) / "pids.events", "max") if group else 0


def open_process_count(groups: dict[str, Path], number: int) -> int | None:
    """Open the file that counts a jail's processes and threads; None if nobody counts."""
    if group := groups.get("pids"):
        with suppress(OSError):
            return os.open(jail(group, number) / "pids.current", os.O_RDONLY | os.O_CLOEXEC)
    return None


def remove(group: Path, seconds: float = 2.0) -> bool:
    """Kill what is in a group and below, and remove it; gives whether it is gone.

    Killed processes stay in their group for a moment, hence `seconds` of trying.
    """
    deadline = time.monotonic() + seconds
    while group.exists():
        for below, _, _ in os.walk(group, topdown=False):  # somebody else may be at it too
            with suppress(OSError):
                for pid in Path(below, "cgroup.procs").read_text(encoding="utf-8").split():
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):
                os.rmdir(below)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def ours(root: Path = ROOT) -> list[Path]:
    """Give every parent group of ours on this machine, whoever owns it."""
    parents = set(_parents(root).values())
    return [group for parent in parents for group in parent.glob(f"{PREFIX}*")]
