"""`asynccode play`: a person acts in one episode, line by line."""

from __future__ import annotations

import argparse
import os
import sys
import termios

import anyio

from asynccode import registry
from asynccode.cli import acting, arguments
from asynccode.cli.interrupts import interrupts
from asynccode.cli.output import emit_json, say, warn_of_isolation
from asynccode.episode import play
from asynccode.human import Human
from asynccode.lines import episode_record
from asynccode.records import Episode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    arguments.add_suite(parser)
    arguments.add_backend(parser)
    parser.add_argument(
        "--task", metavar="ID", help="id or number of the task (default: the first)"
    )
    parser.add_argument("--max-turns", type=arguments.positive, default=1000, metavar="N")
    acting.add_feedback(parser)
    acting.add_budget(parser)
    arguments.add_seed(parser)


def run(args: argparse.Namespace) -> int:
    """Play; a thread that still waits for a line does not keep the program."""
    try:
        terminal = termios.tcgetattr(0)
    except (termios.error, OSError):
        terminal = None
    status = anyio.run(_run, args)
    sys.stdout.flush()
    if status >= 128:
        # The reading thread cannot be stopped; the terminal must not be left in its hands.
        if terminal is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, terminal)
        os._exit(status)
    return status


async def _run(args: argparse.Namespace) -> int:
    suite = arguments.load_suite(args)
    task = arguments.find_task(suite, args.task)
    episode: Episode | None = None
    async with registry.load_technology(args.backend) as backend, interrupts() as stop:
        warn_of_isolation(backend)
        say(f"Task {task.id}")
        episode = await play(
            task,
            suite=suite,
            backend=backend.name,
            policy=Human(),
            worlds=backend,
            max_turns=args.max_turns,
            budget=acting.budget_of(args),
            feedback=args.feedback,
        )
    if episode is None:
        say("Stopped.")
        if args.json:
            emit_json({"error": "The episode was stopped."})
        return stop.status or 130
    if args.json:
        emit_json(episode_record(episode))
    else:
        _report(episode)
    return 1 if episode.reward is None else 0


def _report(episode: Episode) -> None:
    last = episode.steps[-1] if episode.steps else None
    if last is not None and last.kind == "code" and last.observation:
        print(last.observation.rstrip("\n"))  # it ended the episode, so nobody was shown it
    turns = f"{len(episode.steps)} turn{'' if len(episode.steps) == 1 else 's'}"
    print(f"{episode.stop_reason.value.replace('_', ' ')} after {turns}")
    if episode.reward is None:
        print(f"no reward: {episode.error or 'nothing was scored'}")
        return
    print(f"reward {episode.reward:g}{' (solved)' if episode.solved else ''}")
    for name, value in episode.reward_parts.items():
        print(f"  {name} {value:g}" if isinstance(value, float) else f"  {name} {value}")
