"""`asynccode run`: many episodes, with progress, a result and perhaps a run folder."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import anyio.to_thread
from attrs import evolve

from asynccode import registry
from asynccode.cli import acting, arguments, chat
from asynccode.cli.closing import Closing
from asynccode.cli.interrupts import interrupts
from asynccode.cli.output import emit_json, say, show, table, warn_of_isolation
from asynccode.interfaces import Suite
from asynccode.machine import raise_file_limit
from asynccode.manifest import make_manifest
from asynccode.outcomes import Limits
from asynccode.progress import progress
from asynccode.rollout import prepare, rollout
from asynccode.runfolder import RunFolder
from asynccode.statistics import Statistics, Tally
from asynccode.versions import versions

SHOWN = 3
"""Different errors of episodes that are told, the most frequent ones."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    arguments.add_suite(parser)
    arguments.add_backend(parser)
    parser.add_argument(
        "--policy",
        default="gold",
        help="gold (default), noop, human, replay:FILE, chat:MODEL, or a dotted path"
        " package.module:Class",
    )
    parser.add_argument(
        "--attempts", type=arguments.positive, default=1, metavar="N", help="episodes per task"
    )
    arguments.add_concurrency(parser)
    parser.add_argument(
        "--limit", type=arguments.positive, metavar="N", help="the first N tasks only"
    )
    parser.add_argument("--max-turns", type=arguments.positive, default=10, metavar="N")
    parser.add_argument(
        "--timeout", type=arguments.seconds, metavar="S", help="wall time of one step, in seconds"
    )
    parser.add_argument(
        "--episode-timeout",
        type=arguments.seconds,
        metavar="S",
        help="wall time of one episode, in seconds",
    )
    parser.add_argument(
        "--output",
        type=arguments.place,
        metavar="DIR",
        help="run folder; one that is there is gone on with",
    )
    parser.add_argument(
        "--no-resume",
        action="store_true",
        help="start the run folder afresh; what is in it moves to DIR/earlier-N",
    )
    parser.add_argument(
        "--no-recycle", action="store_true", help="use each sandbox once (docker, podman)"
    )
    acting.add_feedback(parser)
    acting.add_budget(parser)
    chat.add_model(parser)
    arguments.add_seed(parser)


async def run(args: argparse.Namespace) -> int:
    """Run; 1 if episodes were lost to harness errors, 128 + signal if interrupted.

    2 if the policy or the backend could not be closed: the results are given all the same.
    """
    raise_file_limit()
    suite = arguments.load_suite(args)
    limits = limits_of(args, suite)
    backends = Closing(registry.load_technology(args.backend), what=f"backend {args.backend!r}")
    policies = Closing(
        registry.load_policy(args.policy, seed=args.seed, options=chat.policy_options(args)),
        what=f"policy {args.policy!r}",
    )
    tally, earlier = Tally(), 0
    errors: Counter[str] = Counter()
    statistics: Statistics | None = None
    with ExitStack() as stack:
        async with (
            backends as backend,
            policies as policy,
            interrupts() as stop,
        ):
            warn_of_isolation(backend)
            images = await prepare(backend, (task.image for task in suite.tasks[: args.limit]))
            folder = None
            if args.output is not None:
                manifest = make_manifest(
                    suite=suite,
                    backend=backend,
                    images=images,
                    policy=args.policy,
                    limits=limits,
                    max_turns=args.max_turns,
                    seed=args.seed,
                    budget=acting.budget_of(args),
                    feedback=args.feedback,
                    agent=policy.settings,
                    compat=args.compat,
                    command=sys.argv,
                    versions=await versions(backend),
                    options={
                        "loaded_from": args.suite,
                        "dialect": args.dialect,
                        "attempts": args.attempts,
                        "limit": args.limit,
                        "concurrency": args.concurrency,
                        "recycle": not args.no_recycle,
                        "guesses": args.guesses,
                        "base_url": args.base_url,
                        "token_prices": chat.token_prices(args),
                    },
                )
                folder = RunFolder.open(args.output, manifest, resume=not args.no_resume)
                stack.enter_context(folder)
                tally, earlier = folder.tally, folder.tally.episodes
            async with rollout(
                suite,
                policy,
                backend=backend,
                attempts=args.attempts,
                concurrency=args.concurrency,
                limits=limits,
                max_turns=args.max_turns,
                budget=acting.budget_of(args),
                feedback=args.feedback,
                limit=args.limit,
                done=folder.done if folder else frozenset(),
                recycle=not args.no_recycle,
            ) as episodes:
                statistics = episodes.statistics
                stop.drain = episodes.drain
                if args.concurrency and episodes.admission.concurrency < args.concurrency:
                    at_once = episodes.admission.concurrency
                    say(f"This machine can take {at_once} episodes at once, not more.")
                async with progress(statistics):
                    async for episode in episodes:
                        errors.update(filter(None, [episode.error]))
                        if folder is None:
                            tally.add(episode)
                        else:
                            await anyio.to_thread.run_sync(folder.append, episode)
    if statistics is None:
        statistics = Statistics(total=0)
    summary = {
        "suite": suite.name,
        "backend": registry.backend_class(args.backend).name,
        "policy": args.policy,
        **statistics.summary(),
        **tally.summary(),  # with a run folder: of all that is in it
        "cost": chat.cost(args, tally),
        "resumed": earlier,
        "errors": dict(errors.most_common(SHOWN)),
        "interrupted": stop.status is not None,
        "output": None if args.output is None else str(args.output),
    }
    report(summary, as_json=args.json)
    for error, count in summary["errors"].items():
        say(f"{count} x {error}" if count > 1 else error)
    troubles = [closed.trouble for closed in (policies, backends) if closed.trouble]
    for trouble in troubles:
        say(trouble)
    if stop.status is not None:
        if args.output is not None:
            say(f"Stopped early; the same command goes on with {args.output}.")
        return stop.status
    if troubles:
        return 2
    return 1 if tally.harness_errors else 0


def limits_of(args: argparse.Namespace, suite: Suite) -> Limits:
    """Give the suite's limits with what the command line says instead."""
    changed = {
        name: value
        for name, value in (
            ("step_seconds", args.timeout),
            ("episode_seconds", args.episode_timeout),
        )
        if value is not None
    }
    return evolve(suite.limits, **changed)


def report(summary: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the result of a run."""
    if as_json:
        emit_json(summary)
        return

    def number(name: str, form: str) -> str:
        value = summary[name]
        return "-" if value is None else format(value, form)

    def counts(name: str) -> str:
        largest = sorted(summary[name].items(), key=lambda item: -item[1])
        return ", ".join(f"{key} {count}" for key, count in largest) or "-"

    cost = "" if summary["cost"] is None else f", {summary['cost']:.4g} by the prices given"
    speed = (
        f"{summary['wall_seconds']:.1f} s: {summary['episodes_per_second']:.1f} episodes/s,"
        f" {summary['steps_per_second']:.0f} steps/s,"
        f" {summary['peak_concurrency']} at once at most"
    )
    rows = [
        ("episodes", f"{summary['episodes']}, {summary['resumed']} of them from earlier runs"),
        ("solved", f"{summary['solved']} ({number('success_rate', '.1%')})"),
        ("mean reward", number("mean_reward", ".3f")),
        ("mean turns", number("mean_turns", ".1f")),
        ("ended", counts("stop_reasons")),
        ("steps", f"{summary['steps']} ({counts('outcomes')})"),
        ("tokens", f"{summary['tokens_in']} in, {summary['tokens_out']} out{cost}"),
        ("time", speed),
    ]
    if not summary["resumed"]:
        rows[0] = ("episodes", str(summary["episodes"]))
    if not summary["tokens_in"]:
        rows = [row for row in rows if row[0] != "tokens"]
    if summary["recycled"] or summary["spoilt"]:
        used = f"{summary['recycled']}; {summary['spoilt']} were changed, and removed"
        rows.append(("used again", used))
    if summary["output"]:
        rows.append(("kept in", summary["output"]))
    title = f"{summary['suite']} on {summary['backend']}, policy {summary['policy']}"
    show(table(title, ("", ""), rows))
