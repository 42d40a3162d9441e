"""`asynccode export`: a run folder in formats that others read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from asynccode import registry
from asynccode.cli import arguments
from asynccode.cli.output import emit_json, say
from asynccode.errors import InputError
from asynccode.machine import raise_file_limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="a run folder, or a result file of InterCode"
    )
    parser.add_argument(
        "--to",
        choices=list(registry.EXPORTS),
        required=True,
        help="the original's result files, chat messages (JSONL), or Parquet",
    )
    parser.add_argument(
        "--output",
        type=arguments.place,
        metavar="PATH",
        help="the file, or the folder for several (default: in the run folder)",
    )
    parser.add_argument("--solved", action="store_true", help="solved episodes only")


def run(args: argparse.Namespace) -> int:
    """Export, an episode at a time."""
    from asynccode.results.sources import open_source

    raise_file_limit()  # each attempt may have a file of its own
    write = registry.resolve(registry.EXPORTS[args.to], "export")
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if len(notes) <= 20:
            say(f"left out: {text}")

    manifest, episodes = open_source(args.path, note)
    if args.solved:
        episodes = (episode for episode in episodes if episode["solved"])
    counted = Counted(episodes)
    if counted.first is None:
        wanted = "solved " if args.solved else ""
        raise InputError(f"There are no {wanted}episodes in {args.path}: name a run that has some.")
    files = write(manifest, counted, _output(args), note)
    figures = {
        "to": args.to,
        "episodes": counted.given,
        "files": [str(file) for file in files],
        "skipped": notes,
    }
    if args.json:
        emit_json(figures)
    else:
        print(f"{counted.given} episodes: {', '.join(figures['files'])}")
    return 0


def _output(args: argparse.Namespace) -> Path:
    if args.output is not None:
        output: Path = args.output
        return output
    folder: Path = args.path if args.path.is_dir() else args.path.parent
    return folder / "intercode" if args.to == "intercode" else folder


class Counted:
    """Episodes as they are passed on, counted; the first is looked at ahead."""

    def __init__(self, episodes: Iterator[Mapping[str, Any]]) -> None:
        self.first = next(episodes, None)
        self.episodes = episodes
        self.given = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        first = () if self.first is None else (self.first,)
        for episode in chain(first, self.episodes):
            self.given += 1
            yield episode
