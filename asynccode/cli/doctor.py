"""`asynccode doctor`: what is usable here, and for what is not: why, and what mends it."""

from __future__ import annotations

import argparse

import anyio
from attrs import asdict

from asynccode import registry
from asynccode.cli.output import emit_json, show, table
from asynccode.errors import AsynccodeError, Unavailable
from asynccode.interfaces import Health

PROBE_SECONDS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: it has none."""


async def run(args: argparse.Namespace) -> int:
    """Examine every registered backend; 1 if not one is usable."""
    found = {name: await examine(name) for name in registry.BACKENDS}
    if args.json:
        emit_json({"backends": {name: asdict(health) for name, health in found.items()}})
    else:
        rows = [
            (
                name,
                "usable" if health.available else "not usable",
                health.version,
                health.reason,
                health.remedy,
            )
            for name, health in found.items()
        ]
        show(table("", ("backend", "", "version", "what is wrong or weaker", "remedy"), rows))
    return 0 if any(health.available for health in found.values()) else 1


async def examine(name: str) -> Health:
    """Probe one backend in bounded time; a backend whose driver is missing says so."""
    try:
        with anyio.move_on_after(PROBE_SECONDS):
            return await registry.backend_class(name).probe()
    except Unavailable as error:
        return Health(available=False, reason=error.reason, remedy=error.remedy)
    except AsynccodeError as error:
        return Health(available=False, reason=str(error))
    return Health(available=False, reason=f"no answer within {PROBE_SECONDS:g} s")
