"""`asynccode replay`: a recording is played again and compared, turn by turn."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from attrs import asdict, evolve

from asynccode import registry
from asynccode.admission import Admission
from asynccode.budget import Budget
from asynccode.cli import arguments
from asynccode.cli.interrupts import interrupts
from asynccode.cli.output import emit_json, say, show, table, warn_of_isolation
from asynccode.comparison import compare
from asynccode.errors import InputError, TaskDataError
from asynccode.escapes import collapsed
from asynccode.feedback import Feedback
from asynccode.interfaces import Suite, Technology
from asynccode.lines import episode_record
from asynccode.machine import raise_file_limit
from asynccode.outcomes import Limits
from asynccode.policies import Replay, recorded_actions
from asynccode.pool import Pool
from asynccode.progress import LINE_SECONDS, progress
from asynccode.rollout import prepare, rollout
from asynccode.runfolder import MANIFEST, read_episodes, read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a recorded InterCode result file or a run folder"
    )
    arguments.add_suite(parser, optional=True)
    parser.set_defaults(seed=0)  # a run folder knows its own
    arguments.add_backend(parser)
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="compare with this reference file in place of the recorded figures",
    )
    arguments.add_concurrency(parser)
    parser.add_argument("--limit", type=arguments.positive, metavar="N", help="first N episodes")


async def run(args: argparse.Namespace) -> int:
    """Replay; 1 if the harness failed in an episode."""
    raise_file_limit()
    is_ours = args.file.is_dir() or args.file.suffix == ".jsonl"
    figures: dict[str, Any] | None = None
    play = _ours(args) if is_ours else _intercode(args)
    async with registry.load_technology(args.backend) as backend, interrupts() as stop:
        warn_of_isolation(backend)
        figures = await play(backend)
    if figures is None:
        if args.json:
            emit_json({"error": "The replay was stopped."})
        return stop.status or 130
    if args.json:
        emit_json(figures)
    else:
        _report(args, figures)
    return 1 if figures["harness_errors"] else 0


Play = Callable[[Technology], Awaitable[dict[str, Any]]]


def _intercode(args: argparse.Namespace) -> Play:
    """Read a recorded result and its suite; give what plays them again."""
    recording = registry.resolve(registry.REPLAYS["read"])(args.file)
    args.suite = args.suite or recording.suite
    if args.suite is None:
        raise InputError(f"{args.file} does not say which suite it was made on: name --suite.")
    args.compat = args.compat or "intercode"
    suite = arguments.load_suite(args)
    reference = None
    if args.reference is not None:
        reference = registry.resolve(registry.REPLAYS["reference"])(args.reference)
    recording = evolve(recording, episodes=recording.episodes[: args.limit])
    return partial(_replay, args, suite, recording, reference)


async def _replay(
    args: argparse.Namespace, suite: Suite, recording: Any, reference: Any, backend: Technology
) -> dict[str, Any]:
    await prepare(backend, (task.image for task in suite.tasks))
    admission = Admission(args.concurrency)
    seen = 0

    def note(_: object, total: int) -> None:
        nonlocal seen
        seen += 1
        figures["total"] = total

    figures = {"total": len(recording.episodes)}

    async def tell() -> None:
        while True:
            await anyio.sleep(LINE_SECONDS)
            say(f"{seen}/{figures['total']} episodes")

    with collapsed():
        async with Pool(backend, admission) as pool, anyio.create_task_group() as group:
            group.start_soon(tell)
            result: dict[str, Any] = await registry.resolve(registry.REPLAYS["replay"])(
                recording,
                suite,
                pool,
                reference=reference,
                concurrency=admission.concurrency,
                progress=note,
            )
            group.cancel_scope.cancel()
    return {"suite": suite.name, "backend": backend.name, **result}


def _ours(args: argparse.Namespace) -> Play:
    """Read a run folder and its suite; give what plays it again."""
    if args.reference is not None:
        raise InputError("--reference goes with a recorded InterCode result, not a run folder.")
    recorded = {(e["task_id"], e["attempt"]): e for e in read_episodes(args.file)}
    recorded = dict(list(recorded.items())[: args.limit])
    manifest = read_manifest(args.file if args.file.is_dir() else args.file.parent)
    args.suite = args.suite or manifest.get("loaded_from") or manifest.get("suite")
    if not isinstance(args.suite, str):
        raise InputError(f"The {MANIFEST} of {args.file} does not name a suite: name --suite.")
    settings = _settings(args.file, manifest)
    args.compat = args.compat or manifest.get("compat")
    args.dialect = args.dialect or manifest.get("dialect")
    args.guesses = args.guesses or manifest.get("guesses")
    args.seed = manifest.get("seed", 0)
    suite = arguments.load_suite(args)
    known = {task.id for task in suite.tasks}
    foreign = next((task for task, _ in recorded if task not in known), None)
    if foreign is not None:
        raise InputError(
            f"{args.file} holds task {foreign!r}, which {suite.name} has not: name its --suite."
        )
    return partial(_again, args, suite, recorded, settings)


def _settings(path: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of a manifest decides how its episodes are played again."""
    known = asdict(Limits())
    try:
        limits = {k: v for k, v in (manifest.get("limits") or {}).items() if k in known}
        budget = manifest.get("budget")
        return {
            "limits": Limits(**limits) if limits else None,
            "max_turns": int(manifest.get("max_turns", 10)),
            "budget": Budget(**budget) if budget else None,
            "feedback": manifest.get("feedback", Feedback.HIDDEN),
        }
    except (TypeError, ValueError, AttributeError) as error:
        raise TaskDataError(
            f"The {MANIFEST} of {path} is damaged: its limits, budget or turns are none ({error})."
        ) from error


async def _again(
    args: argparse.Namespace,
    suite: Suite,
    recorded: Mapping[tuple[str, int], Mapping[str, Any]],
    settings: Mapping[str, Any],
    backend: Technology,
) -> dict[str, Any]:
    known = [task.id for task in suite.tasks]
    attempts = max((attempt for _, attempt in recorded), default=0) + 1
    every = {(task, attempt) for task in known for attempt in range(attempts)}
    replayed: dict[tuple[str, int], Mapping[str, Any]] = {}
    async with (
        rollout(
            suite,
            Replay(recorded_actions(args.file), str(args.file)),
            backend=backend,
            attempts=attempts,
            concurrency=args.concurrency,
            done=every - recorded.keys(),
            **settings,
        ) as episodes,
        progress(episodes.statistics),
    ):
        async for episode in episodes:
            replayed[episode.task_id, episode.attempt] = episode_record(episode)
    figures = compare(recorded, replayed)
    seconds = episodes.statistics.wall_seconds
    rate = figures["turns"] / max(seconds, 1e-9)
    return {
        "suite": suite.name,
        "backend": backend.name,
        **figures,
        "wall_seconds": seconds,
        "turns_per_second": rate,
    }


def _report(args: argparse.Namespace, figures: Mapping[str, Any]) -> None:
    rows: list[Sequence[object]] = []
    for name, value in figures.items():
        if name in ("differences", "errors"):
            continue
        is_share = name.startswith(("same_", "success_")) and isinstance(value, float)
        text = f"{value:.2%}" if is_share else f"{value:.4g}" if type(value) is float else value
        rows.append((name.replace("_", " "), text))
    show(table(f"Replay of {args.file}", ("", ""), rows))
    if figures["differences"]:
        rows = [
            (d["task"], d["turn"], d["action"], _both(d["reward"]), _both(d["observation"]))
            for d in figures["differences"]
        ]
        show(table("The first differences", ("task", "turn", "action", "reward", "seen"), rows))
    for error in figures.get("errors", ()):
        say(error)


def _both(values: list[Any]) -> str:
    was, now = values
    return "same" if was == now else f"{_cut(was)} / {_cut(now)}"


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
