"""What a program of ours leaves behind, which must be nothing."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

PR_SET_CHILD_SUBREAPER = 36
GROUPS = Path("/sys/fs/cgroup")
SETTLE_SECONDS = 2.0


@frozen(kw_only=True)
class Ran:
    """A command of ours that has ended."""

    status: int
    answer: dict[str, Any]
    """Its one JSON object."""
    leftovers: list[str]
    """Processes, control groups and temporary files that it did not take with it."""
    seconds: float


def run(words: Sequence[str], *, cwd: Path, timeout: float) -> Ran:
    """Run `asynccode WORDS` to its end; orphans of it become our children, so none gets away."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="asynccode-bench-") as scratch:
        began = time.perf_counter()
        program = subprocess.Popen(
            [sys.executable, "-m", "asynccode", *words],
            cwd=cwd,
            env={**os.environ, "TMPDIR": scratch},
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        try:
            said, _ = program.communicate(timeout=timeout)
        except BaseException:
            program.kill()
            program.wait()
            raise
        seconds = time.perf_counter() - began
        left = [f"process {name}" for name in orphans()]
        left += control_groups(program.pid)
        left += [f"temporary file {name}" for name in os.listdir(scratch)]
    try:
        answer = json.loads(said)
    except ValueError:
        raise RuntimeError(f"asynccode {words[0]} ended with {program.returncode}") from None
    return Ran(status=program.returncode, answer=answer, leftovers=left, seconds=seconds)


def orphans() -> list[str]:
    """Give the names of our children that still run, after a moment to end in."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        found = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
        if not found or time.monotonic() > deadline:
            return [_name(pid) for pid in found]
        time.sleep(0.01)


def _name(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return pid


def control_groups(pid: int) -> list[str]:
    """Give the control groups that the process made, whichever version of them there is."""
    patterns = (f"asynccode-{pid}.*", f"*/asynccode-{pid}.*")
    return [f"control group {path.name}" for p in patterns for path in GROUPS.glob(p)]
