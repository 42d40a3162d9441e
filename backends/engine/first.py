"""Process 1 of a container, the one process that a reset keeps, as its host sees it."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator

from attrs import frozen

from asynccode.backends.engine.digests import digest, text

PAGE = os.sysconf("SC_PAGE_SIZE")
FILE_BACKED, IN_SWAP = 1 << 61, 1 << 62
IOPRIO_GET = {"x86_64": 252, "aarch64": 31}.get(platform.machine())
SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}.get(platform.machine())
ATTRIBUTES = 56
"""Bytes of what the scheduler is told of a process: how it is scheduled, flags, slice, clamps."""
PR_SCHED_CORE, PR_SCHED_CORE_GET = 62, 0
VOLATILE = ("Vm", "Rss", "State:", "SigQ:", "voluntary", "nonvoluntary", "Speculation", "x86_")
"""What begins a line of `/proc/PID/status` that changes without anybody's doing."""
_libc = ctypes.CDLL(None, use_errno=True)


@frozen(kw_only=True)
class Stillness:
    """Where process 1 waits."""

    memory: str
    """A digest of its map, and of each page that is not just a file's; also what it had at most."""
    pages: frozenset[int]
    """Which pages of files it has in memory. The kernel takes some back; who reads its memory from
    outside brings others."""
    runs: int
    """How often it has given up or lost the processor."""
    call: str
    """The system call it waits in, with its arguments, stack and place."""

    def lasts(self, earlier: Stillness, *, frozen: bool) -> bool:
        """Whether it has not run since; to be `frozen` counts once."""
        same = (self.memory, self.call) == (earlier.memory, earlier.call)
        return same and self.pages <= earlier.pages and self.runs == earlier.runs + frozen


def stillness(init: int) -> Stillness:
    """Look at it; raises `OSError` if it is gone, or runs."""
    runs, call, pages = _runs(init), text(f"/proc/{init}/syscall"), set[int]()
    memory = digest(_memory(init, pages))
    found = Stillness(memory=memory, pages=frozenset(pages), runs=runs, call=call)
    if _runs(init) != runs or call.startswith("running"):
        raise OSError("process 1 does not wait")
    return found


def limits(init: int) -> Iterator[str]:
    """Give what others can do to it, and what it has."""
    lines = text(f"/proc/{init}/status").splitlines()
    yield from (line for line in lines if not line.startswith(VOLATILE))
    for name in ("limits", "oom_score_adj", "autogroup", "timerslack_ns", "coredump_filter"):
        yield text(f"/proc/{init}/{name}")
    yield from (text(f"/proc/{init}/{name}") for name in ("cgroup", "mountinfo"))
    fields = text(f"/proc/{init}/stat").rpartition(")")[2].split()
    yield repr([fields[at] for at in (1, 2, 3, 4, 15, 16, 37, 38)])  # ... priorities, policy
    if IOPRIO_GET is not None:
        yield str(_libc.syscall(IOPRIO_GET, 1, init))
    yield from _scheduling(init)
    for folder in ("ns", "fd"):
        for name in sorted(os.listdir(f"/proc/{init}/{folder}")):
            yield f"{name} {os.readlink(f'/proc/{init}/{folder}/{name}')}"
    yield from (os.readlink(f"/proc/{init}/{name}") for name in ("cwd", "root", "exe"))


def _scheduling(init: int) -> Iterator[str]:
    """Give what `/proc` does not tell: what a fork resets, slice, clamps, who may share a core."""
    if SCHED_GETATTR is not None:
        found = ctypes.create_string_buffer(ATTRIBUTES)
        if _libc.syscall(SCHED_GETATTR, init, found, ATTRIBUTES, 0) < 0:
            raise OSError(ctypes.get_errno(), "scheduling")
        yield found.raw.hex()
    cookie = ctypes.c_uint64()  # most machines have none, and say so
    got = _libc.prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, init, 0, ctypes.byref(cookie))
    yield f"{got} {cookie.value}"


def _runs(init: int) -> int:
    lines = text(f"/proc/{init}/status").splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def _memory(init: int, pages: set[int]) -> Iterator[str | bytes]:
    """Give the map, and every page that is the process's own: written, or not a file's at all.

    `pages` gets the numbers of the others that are there.
    """
    mapped = text(f"/proc/{init}/maps")
    yield mapped
    lines = text(f"/proc/{init}/status").splitlines()
    yield from (line for line in lines if line.startswith(("VmPeak", "VmHWM")))
    with (
        open(f"/proc/{init}/pagemap", "rb", buffering=0) as table,
        open(f"/proc/{init}/mem", "rb", buffering=0) as memory,
    ):
        for line in mapped.splitlines():
            if line.endswith(("[vvar]", "[vvar_vclock]", "[vsyscall]")):  # the kernel's own
                continue
            first, last = (int(word, 16) // PAGE for word in line.split()[0].split("-"))
            entries = os.pread(table.fileno(), (last - first) * 8, first * 8)
            for number, entry in enumerate(memoryview(entries).cast("Q"), first):
                if entry < IN_SWAP:  # neither in memory nor in swap
                    continue
                if entry & FILE_BACKED:
                    pages.add(number)
                    continue
                yield str(number)
                yield os.pread(memory.fileno(), PAGE, number * PAGE)
