"""`asynccode clean`: remove what dead runs left behind."""

from __future__ import annotations

import argparse
from typing import Any

from asynccode import registry
from asynccode.cli.output import emit_json, say
from asynccode.errors import AsynccodeError, Unavailable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: it has none."""


async def run(args: argparse.Namespace) -> int:
    """Ask every backend to clean; 1 if one could not."""
    removed: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    for name in registry.BACKENDS:
        try:
            backend = registry.backend_class(name)
        except Unavailable:  # without its driver it cannot have left anything
            removed[name] = []
            continue
        try:
            clean: Any = getattr(backend, "clean", None)
            removed[name] = [] if clean is None else [str(what) for what in await clean()]
        except (AsynccodeError, OSError) as error:
            errors[name] = str(error)
    if args.json:
        emit_json({"removed": removed, "errors": errors})
    else:
        for name, things in removed.items():
            for thing in things:
                print(f"{name}: removed {thing}")
        if not any(removed.values()):
            print("Nothing was left behind.")
    for name, text in errors.items():
        say(f"{name}: {text}")
    return 1 if errors else 0
