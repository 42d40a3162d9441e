"""`asynccode bench`: the repository's benchmarks, where they are at hand."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import asynccode
from asynccode.cli.output import emit_json, say
from asynccode.errors import InputError

RUNNER = "benchmarks.run"
ABSENT = (
    "The benchmarks are not part of the installed package: clone the repository and run"
    " `pip install -e .` in it, or run `python -m benchmarks.run` there."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="one of them (default: all, in minutes)"
    )
    parser.add_argument(
        "--option",
        "-o",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for the scenarios that know it, such as rounds=2",
    )
    parser.add_argument("--save", action="store_true", help="keep a dated file in results/")


def run(args: argparse.Namespace) -> int:
    """Measure; 1 if a scenario failed or missed a target."""
    bench = find()
    known = list(bench.SCENARIOS)
    if args.scenario is not None and args.scenario not in known:
        raise InputError(f"There is no scenario {args.scenario!r}: there are {', '.join(known)}.")
    options = {}
    for word in args.option:
        name, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"--option takes NAME=VALUE, not {word!r}.")
        options[name] = value
    found = list(bench.run_all([args.scenario] if args.scenario else known, options))
    made = bench.results.document(found)
    if args.save:
        say(f"Kept as {bench.results.write(made, args.scenario or 'all')}.")
    if args.json:
        emit_json(made)
    else:
        print(bench.results.table(found))
    return 0 if all(result.ok for result in found) else 1


def find() -> Any:
    """Import the runner beside our own checkout, or whichever can be imported.

    Raises `InputError` if there is none.
    """
    beside = Path(asynccode.__file__).parent.parent
    if (beside / "benchmarks" / "run.py").is_file() and str(beside) not in sys.path:
        sys.path.insert(0, str(beside))
    try:
        # Somebody else's package may have the name too.
        if importlib.util.find_spec(RUNNER) is not None:
            runner: Any = importlib.import_module(RUNNER)
            if hasattr(runner, "SCENARIOS"):
                return runner
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "benchmarks":
            raise
    raise InputError(ABSENT)
