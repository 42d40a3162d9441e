"""`asynccode summary`: tables over run folders and recorded InterCode result files."""

from __future__ import annotations

import argparse
from pathlib import Path

from asynccode.cli import arguments
from asynccode.cli.output import emit_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="run folders, result files of InterCode, or folders that hold such",
    )
    parser.add_argument(
        "--format",
        choices=["markdown", "csv", "json"],
        default="markdown",
        help="tables for people (default), one row a figure, or everything",
    )
    parser.add_argument(
        "--k",
        type=ks,
        default=(),
        metavar="K,...",
        help="the k of pass@k (default: 1, 2, 4, ... where there are several attempts)",
    )


def ks(text: str) -> tuple[int, ...]:
    """Read a list of whole numbers."""
    return tuple(sorted({arguments.positive(word.strip()) for word in text.split(",")}))


def run(args: argparse.Namespace) -> int:
    """Count and print."""
    from asynccode.results.flat import flat
    from asynccode.results.markdown import markdown
    from asynccode.results.report import report
    from asynccode.results.sources import read_batches

    made = report(read_batches(args.paths), args.k)
    if args.json or args.format == "json":
        emit_json(made)
    else:
        print(flat(made) if args.format == "csv" else markdown(made), end="")
        for note in made["skipped"]:
            say(f"left out: {note}")
    return 0
