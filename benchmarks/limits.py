"""What the kernel asks, measured beside us and without us.

Four kinds (see raw.c): `bash`, `sandbox`, `step` and `fork`. There is a program in C, compiled
when it is needed if there is a compiler, and the same in Python. Whichever is faster in a short
trial is the limit: we are held against the strongest figure that we know how to get.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from asynccode.backends import host, layers
from asynccode.backends.layers import ROOT_OWNER

HERE = Path(__file__).parent
TRIAL = {"bash": 10, "sandbox": 10, "step": 300, "fork": 10}


def image_folders(digest: str, cache: Path | None = None) -> list[Path]:
    """Give the folders that `NsjailBackend.prepare` built, topmost first, from what it said."""
    where = cache or layers.cache()
    found = []
    for name in digest.split("+"):
        (folder,) = where.glob(f"{name}*")
        found.append(folder)
    return found


class Limits:
    """The programs that measure the limits of one image; use it in a `with` block."""

    def __init__(self, folders: Sequence[Path], *, base: str = "host") -> None:
        owner = ROOT_OWNER if os.getuid() == 0 else os.getuid()
        bound = host.bound() if base == "host" else []
        self._words = [str(owner), ":".join(map(str, folders)), *bound]
        self._programs: dict[str, subprocess.Popen[str]] = {}
        self._best: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="asynccode-bench-")
        self._start("python", [sys.executable, "-IS", str(HERE / "raw.py")])
        if program := compiled(Path(self._scratch.name)):
            self._start("c", [str(program)])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for program in self._programs.values():
            program.kill()
            program.communicate()
        self._scratch.cleanup()

    @property
    def programs(self) -> dict[str, str]:
        """Which program measured each kind that was asked for."""
        return dict(self._best)

    def take(self, kind: str, count: int) -> list[float]:
        """Measure `count` times, one after the other; gives milliseconds. It blocks."""
        if kind not in self._best:
            trials = {name: self._ask(name, kind, TRIAL[kind]) for name in self._programs}
            self._best[kind] = min(trials, key=lambda name: median(trials[name]))
        return self._ask(self._best[kind], kind, count)

    def _start(self, name: str, argv: Sequence[str]) -> None:
        self._programs[name] = subprocess.Popen(
            [*argv, *self._words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _ask(self, name: str, kind: str, count: int) -> list[float]:
        program = self._programs[name]
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(f"{kind} {count}\n")
        program.stdin.flush()
        line = program.stdout.readline()
        if not line:
            raise RuntimeError(f"The {name} program that measures the limit {kind!r} has ended.")
        return [int(word) / 1e6 for word in line.split()]


def compiled(folder: Path) -> Path | None:
    """Compile raw.c into `folder`, statically if that can be; None if it cannot be compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    target = folder / "raw"
    for options in (["-static"], []) if compiler else ():
        command = [str(compiler), "-O2", *options, "-o", str(target), str(HERE / "raw.c")]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return target
    return None
