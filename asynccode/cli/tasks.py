"""`asynccode tasks`: what a suite holds; with `--audit`, whether its rewards are fair."""

from __future__ import annotations

import argparse

import anyio

from asynccode.cli import arguments
from asynccode.cli.output import emit_json, show, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    arguments.add_suite(parser)
    arguments.add_backend(parser)
    arguments.add_concurrency(parser)
    arguments.add_seed(parser)
    parser.add_argument("--limit", type=arguments.positive, metavar="N", help="the first N tasks")
    parser.add_argument(
        "--audit",
        action="store_true",
        help="run every gold twice, a no-op and an empty answer, and report their rewards",
    )


def run(args: argparse.Namespace) -> int:
    """List, or audit."""
    suite = arguments.load_suite(args)
    tasks = suite.tasks[: args.limit]
    if args.audit:
        from asynccode.cli.audit import audit

        return anyio.run(audit, args, suite)
    if args.json:
        listed = [
            {
                "id": task.id,
                "query": task.query,
                "gold": list(task.gold),
                "image": task.image.digest,
                "compare": task.compare,
                "metadata": dict(task.metadata),
            }
            for task in tasks
        ]
        emit_json({"suite": suite.name, "digest": suite.digest, "tasks": listed})
    else:
        title = f"{suite.name}: {len(tasks)} tasks"
        show(table(title, ("id", "query"), ((task.id, task.query) for task in tasks)))
    return 0
