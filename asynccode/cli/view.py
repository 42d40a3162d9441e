"""`asynccode view`: one self-contained HTML page of a run folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from asynccode.cli import arguments
from asynccode.cli.output import emit_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "path", type=Path, metavar="DIR", help="a run folder, or a result file of InterCode"
    )
    parser.add_argument(
        "--output",
        type=arguments.place,
        metavar="FILE",
        help="the page (default: view.html in the run folder, NAME.html here for a file)",
    )
    parser.add_argument("--title", help="of the page (default: the name of the folder)")
    parser.add_argument(
        "--max-chars",
        type=arguments.positive,
        default=20_000,
        metavar="N",
        help="longer texts lose their middle (default: 20000 characters)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page, an episode at a time."""
    from asynccode.results.sources import open_source
    from asynccode.results.view.page import write_page

    skipped: list[str] = []
    manifest, episodes = open_source(args.path, skipped.append)
    output = args.output
    if output is None:
        is_run = args.path.is_dir() or args.path.suffix == ".jsonl"
        folder = args.path if args.path.is_dir() else args.path.parent
        output = folder / "view.html" if is_run else Path(args.path.stem + ".html")
    count = write_page(
        manifest,
        episodes,
        output,
        title=args.title or args.path.resolve().name,
        skipped=skipped,
        most=args.max_chars,
    )
    for note in skipped:
        say(f"left out: {note}")
    size = output.stat().st_size
    if args.json:
        emit_json({"output": str(output), "episodes": count, "bytes": size, "skipped": skipped})
    else:
        print(f"{count} episodes, {size / 1e6:.1f} MB: {output}")
    return 0
