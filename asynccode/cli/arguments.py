"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from asynccode import registry
from asynccode.errors import InputError
from asynccode.interfaces import Suite
from asynccode.records import Task


def positive(text: str) -> int:
    """Read a whole number of at least one."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return number


def seconds(text: str) -> float:
    """Read a duration above zero, in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be seconds above 0, not {text!r}")
    return number


def place(text: str) -> Path:
    """Read where to write: "" would be the current folder, which nobody meant by it."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"must name a place to write to, not {text!r}")
    return Path(text)


def add_suite(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add what decides which tasks are played, and how."""
    names = [f"{name}..." if name.endswith("/") else name for name in registry.SUITES]
    text = f"{', '.join(names)}, or a dotted path package.module:Name"
    if optional:
        parser.add_argument("--suite", metavar="SUITE", help=f"{text} (default: as recorded)")
    else:
        parser.add_argument("suite", metavar="SUITE", help=text)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="InterCode data (default: $ASYNCCODE_DATA)"
    )
    parser.add_argument(
        "--compat", choices=["intercode"], help="the original's semantics to the letter"
    )
    parser.add_argument(
        "--base",
        metavar="BASE",
        help="what images start from, in place of theirs: a name, or the path of a Containerfile,"
        " a root file system or its archive",
    )
    parser.add_argument(
        "--dialect",
        metavar="NAME",
        help=f"SQL that is spoken on every engine: {', '.join(['native', *registry.DIALECTS])}",
    )
    parser.add_argument(
        "--guesses",
        type=positive,
        metavar="N",
        help="wrong flags that end an episode (suites to capture flags in)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the seed."""
    parser.add_argument(
        "--seed", type=int, default=0, help="given to policies and suites that take one"
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add the choice of backend."""
    parser.add_argument(
        "--backend",
        help=f"{', '.join(registry.BACKENDS)}, or a dotted path (default: nsjail, for SQL sqlite)",
    )


def add_concurrency(parser: argparse.ArgumentParser) -> None:
    """Add the number of episodes at once."""
    parser.add_argument(
        "--concurrency",
        type=positive,
        metavar="N",
        help="episodes at once (default: what the machine can take)",
    )


def load_suite(args: argparse.Namespace) -> Suite:
    """Load the suite that was named; `args.backend` becomes the suite's unless it was named."""
    suite = registry.load_suite(
        args.suite,
        data=args.data,
        compat=args.compat,
        base=args.base,
        dialect=args.dialect,
        guesses=args.guesses,
        seed=args.seed,
    )
    args.backend = args.backend or suite.backend
    return suite


def find_task(suite: Suite, name: str | None) -> Task:
    """Find a task by id, or by its number from 0; the first without a name."""
    for task in suite.tasks:
        if name is None or task.id == name:
            return task
    if name is not None and name.isdigit() and int(name) < len(suite.tasks):
        return suite.tasks[int(name)]
    raise InputError(
        f"The suite {suite.name!r} has no task {name!r}: see `asynccode tasks {suite.name}`."
    )
