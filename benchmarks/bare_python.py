"""Python interpreters without us: what they take at the least."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter
from types import TracebackType
from typing import Self

from asynccode.python import framing
from benchmarks.machine import available_memory

SLEEPER = "import sys; print(flush=True); sys.stdin.read()"


def starts(python: str, count: int) -> list[float]:
    """Give the milliseconds that `python -c pass` takes, start to end."""
    took = []
    for _ in range(count):
        began = perf_counter()
        subprocess.run([python, "-c", "pass"], check=True)
        took.append((perf_counter() - began) * 1e3)
    return took


def memory(python: str, count: int) -> float:
    """Give the bytes that each of `count` interpreters which wait takes of the machine."""
    before = available_memory()
    waiting = []
    try:
        for _ in range(count):
            made = subprocess.Popen(
                [python, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            waiting.append(made)
            assert made.stdout is not None
            made.stdout.readline()
        return (before - available_memory()) / count
    finally:
        for made in waiting:
            with suppress(BrokenPipeError):
                made.communicate()


class Loop:
    """The interpreter loop of our sessions on two plain pipes, spoken to with blocking calls."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", framing.LOADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()

    def __enter__(self) -> Self:
        token = secrets.token_hex(16).encode()
        self._talk(framing.INTERPRETER + token, token)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def take(self, code: str, count: int) -> Sequence[float]:
        """Give the milliseconds of as many steps."""
        took = []
        for _ in range(count):
            token = secrets.token_hex(16).encode()
            request = framing.request(code, token, split=False, keep=True)
            began = perf_counter()
            self._talk(request, token)
            took.append((perf_counter() - began) * 1e3)
        return took

    def _talk(self, data: bytes, token: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._to, view) :]
        heard = b""
        while token not in heard or not heard.endswith(b"\n"):
            data = os.read(self._from, 65536)
            if not data:
                raise RuntimeError(f"the bare loop has ended: {heard!r}")
            heard += data
