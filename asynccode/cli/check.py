"""`asynccode check`: the public conformance suite, on one backend."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from attrs import frozen

from asynccode import registry
from asynccode.cli.interrupts import interrupts
from asynccode.cli.output import emit_json, mark, say, shorten, show, table, warn_of_isolation


@frozen
class Checked:
    """What one check said."""

    name: str
    ok: bool | None
    reason: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    names = ", ".join(registry.BACKENDS)
    parser.add_argument("backend", metavar="BACKEND", help=f"{names}, or a dotted path")


async def run(args: argparse.Namespace) -> int:
    """Check; 1 if a check failed or not one passed."""
    from asynccode.testing import conformance

    backend = registry.backend_class(args.backend)
    warn_of_isolation(backend)
    checks: list[Checked] = []
    results = cast("AsyncGenerator[conformance.Result, None]", conformance.check(backend))
    # The checks' sandboxes close here, not whenever the generator is collected.
    async with interrupts() as stop, aclosing(results):
        async for name, ok, reason in results:
            checks.append(Checked(name, ok, reason))
            say(f"{mark(ok):8} {name}{f': {shorten(reason)}' if reason else ''}")
    passed, failed, skipped = (sum(c.ok is v for c in checks) for v in (True, False, None))
    if args.json:
        emit_json(
            {
                "backend": backend.name,
                "passed": passed,
                "failed": failed,
                "skipped": skipped,
                "checks": [{"name": c.name, "ok": c.ok, "reason": c.reason} for c in checks],
            }
        )
    else:
        rows = [(mark(c.ok), c.name, shorten(c.reason)) for c in checks if c.ok is not True]
        title = f"{backend.name}: {passed} passed, {failed} failed, {skipped} skipped"
        show(table(title, ("", "check", "reason"), rows) if rows else title)
    if stop.status is not None:
        return stop.status
    return 0 if passed and not failed else 1
