"""How a check is written down, and small helpers they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import frozen

from asynccode.databases import DatabaseBackend
from asynccode.interfaces import Backend
from asynccode.outcomes import ExecResult, Limits, MiB, Outcome

TIGHT = Limits(
    step_seconds=2.0,
    memory_bytes=96 * MiB,
    processes=48,
    disk_bytes=16 * MiB,
    output_bytes=MiB // 4,
)


@frozen(kw_only=True)
class Check:
    """One thing a backend must do."""

    name: str
    needs: frozenset[str]
    """Isolations without which the check says nothing (see `Backend.isolates`)."""
    run: Callable[[Any], Awaitable[None]]
    """Takes a backend of the kind that the check is for."""


def running(command: str) -> str:
    """Give code that counts the processes whose command line begins with `command`."""
    # One grep for all: a machine may have thousands of processes that are not ours.
    words = command.replace(" ", ".")  # a NUL is between them
    return f"grep -asl '^{words}' /proc/[0-9]*/cmdline | grep -c ."


CHECKS: list[Check] = []
DATABASE_CHECKS: list[Check] = []


def checks(*needs: str) -> Callable[[Callable[[Backend], Awaitable[None]]], Check]:
    """Make an async function a check."""

    def register(function: Callable[[Backend], Awaitable[None]]) -> Check:
        item = _check(function, needs)
        CHECKS.append(item)
        return item

    return register


def database_check(function: Callable[[DatabaseBackend], Awaitable[None]]) -> Check:
    """Make an async function a check of database backends."""
    item = _check(function, ())
    DATABASE_CHECKS.append(item)
    return item


def _check(function: Callable[..., Awaitable[None]], needs: Sequence[str]) -> Check:
    assert function.__doc__
    name = function.__doc__.splitlines()[0].rstrip(".")
    return Check(name=name, needs=frozenset(needs), run=function)


def expect(result: ExecResult, outcome: Outcome, output: str | None = None) -> None:
    """Assert how a step ended and, if given, what it wrote."""
    assert result.outcome is outcome, (
        f"outcome {result.outcome}, not {outcome}: {result.text[:200]!r}"
    )
    if output is not None:
        assert result.text == output, f"output {result.text[:200]!r}, not {output[:200]!r}"
