"""The original InterCode beside ours: the same recorded episodes of fs_1, each turn scored.

The public package plays them one after the other, which is all that it can, in containers of
the image that we have built. Ours plays them one after the other too, on nsjail and in the same
Docker, and then as many at once as the machine takes. Rewards must be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import anyio.to_thread
from attrs import evolve, frozen

from asynccode import registry
from asynccode.admission import Admission
from asynccode.backends.docker import DockerBackend
from asynccode.backends.engine import spec
from asynccode.interfaces import Backend
from asynccode.pool import Pool
from asynccode.tasks.intercode.recordings import (
    RecordedEpisode,
    read_recording,
    read_reference,
)
from asynccode.tasks.intercode.replay import replay
from asynccode.tasks.intercode.suite import CompatSuite
from asynccode.tasks.intercode.world import birth
from benchmarks.measures import Measure, Result, spread
from benchmarks.original.environment import PACKAGE, NotInstalledError, interpreter
from benchmarks.scenarios import main
from benchmarks.scenarios.replay import TIMED_OUT, find_data, missing

SECONDS = 900.0
DIGITS = 6
PLAYER = Path(__file__).parent.parent / "original/player.py"
ORIGINAL = "original"
Rewards = list[list[float | None]]


async def measure(*, data: str = "", episodes: int = 12, filesystem: int = 1) -> Result:
    """Play the first episodes without a 10 s time-out, here and there."""
    settings: dict[str, Any] = {"filesystem": filesystem, "package": PACKAGE}
    folder, name = find_data(data), f"fs_{filesystem}"
    file = folder / f"results/bash/ic_bash_multiturn_gpt-3.5_10_turns_{name}.json"
    answers = folder / f"reference/bash_gpt-3.5_10_turns_{name}.json"
    tasks = folder / f"data/nl2bash/nl2bash_{name}.json"
    health = await DockerBackend.probe()
    reason = missing(file, answers, tasks) or (None if health.available else health.reason)
    if reason:
        return Result(scenario="original", settings=settings, skipped=reason)
    try:
        python = await anyio.to_thread.run_sync(interpreter)
    except NotInstalledError as error:
        return Result(scenario="original", settings=settings, skipped=str(error))
    recording, reference = read_recording(file), read_reference(answers)
    quick = [episode for episode in recording.episodes if _is_quick(reference[episode.task_id])]
    recording = evolve(recording, episodes=quick[:episodes])
    suite = registry.load_suite(f"intercode/nl2bash-{filesystem}", data=folder, compat="intercode")
    assert isinstance(suite, CompatSuite)
    suite = suite.reborn(birth(time.time()))  # as young as an image is that a user has just built
    turns = sum(len(_actions(episode)) for episode in recording.episodes)
    async with DockerBackend() as docker:
        found = {ORIGINAL: await _original(python, docker, suite, recording.episodes, tasks)}
        found["docker"] = await _one_by_one(docker, suite, recording.episodes)
        async with registry.load_backend("nsjail") as jails:
            found["nsjail"] = await _one_by_one(jails, suite, recording.episodes)
            admission = Admission(None)
            async with Pool(jails, admission) as pool:
                many = await replay(
                    recording,
                    suite,
                    pool,
                    reference=reference,
                    concurrency=admission.concurrency,
                )
    theirs = found[ORIGINAL]
    measures = [
        Measure(name=f"{who}: {text}", value=1e3 * median(one.times[kind]))
        for who, one in found.items()
        for kind, text in KINDS.items()
    ]
    for who, one in found.items():
        measures += _rates(who, len(recording.episodes), turns, one.seconds)
    many_name = f"nsjail, {admission.concurrency} at once"
    measures += _rates(many_name, len(recording.episodes), turns, many["wall_seconds"])
    stable = _stable(recording.episodes, reference)
    differing = {}
    for who in ("docker", "nsjail"):
        rows = zip(stable, theirs.rewards, found[who].rewards, recording.episodes, strict=True)
        pairs = [
            (episode.task_id, a, b)
            for kept, one, other, episode in rows
            for is_kept, a, b in zip(kept, one, other, strict=False)
            if is_kept
        ]
        same = [_rounded(a) == _rounded(b) for _, a, b in pairs]
        differing[who] = [pair for pair, is_same in zip(pairs, same, strict=True) if not is_same]
        measures.append(
            Measure(
                name=f"{who}: same reward as the original, stable turns",
                value=100 * sum(same) / len(same),
                unit="%",
                better="higher",
            )
        )
    return Result(
        scenario="original",
        settings={**settings, "episodes": len(recording.episodes), "turns": turns},
        measures=measures,
        raw={
            who: {kind: spread(values) for kind, values in one.times.items()}
            for who, one in found.items()
        }
        | {"differing": differing},
    )


KINDS = {
    "reset": "reset (ours: with gold, which is then known)",
    "step": "step",
    "reward": "reward of a turn",
}


@frozen(kw_only=True)
class Played:
    """What one player did."""

    times: Mapping[str, Sequence[float]]
    """Seconds, of each kind."""
    rewards: Rewards
    seconds: float


def _is_quick(reference: RecordedEpisode) -> bool:
    return not any(TIMED_OUT in (turn.observation or "") for turn in reference.turns)


def _actions(episode: RecordedEpisode) -> list[str]:
    return [turn.code for turn in episode.turns if turn.code not in (None, "submit", "skip")]


def _rounded(reward: float | None) -> float | None:
    return None if reward is None else round(reward, DIGITS)


def _stable(
    episodes: Sequence[RecordedEpisode], reference: Mapping[str, RecordedEpisode]
) -> list[list[bool]]:
    """Whether the original itself gives the same reward each time, turn by turn."""
    return [
        [
            wanted.stable
            for turn, wanted in zip(episode.turns, reference[episode.task_id].turns, strict=False)
            if turn.code not in (None, "submit", "skip")
        ]
        for episode in episodes
    ]


def _rates(who: str, episodes: int, turns: int, seconds: float) -> list[Measure]:
    return [
        Measure(name=f"{who}: {what}", value=count / seconds, unit="per second", better="higher")
        for what, count in (("turns", turns), ("episodes", episodes))
    ]


async def _original(
    python: Path,
    docker: DockerBackend,
    suite: CompatSuite,
    episodes: Sequence[RecordedEpisode],
    tasks: Path,
) -> Played:
    """Let the package play in containers of the same engine, from the same image."""
    with TemporaryDirectory(prefix="asynccode-original-") as scratch:
        archive = Path(scratch, "root.tar")
        await docker.export(suite.tasks[0].image, archive)
        order = {
            "archive": str(archive),
            "image": f"asynccode-original-{os.getpid()}",
            "labels": spec.labels(docker.run),
            "data": str(tasks),
            "episodes": [[int(episode.task_id), _actions(episode)] for episode in episodes],
        }
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(
                [str(python), str(PLAYER)],
                input=json.dumps(order),
                env={**os.environ, "DOCKER_HOST": docker.about.where},
                capture_output=True,
                check=False,
                text=True,
                timeout=SECONDS,
            )
        )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines() or ["it did not say why"]
        raise RuntimeError(f"the original ended with {done.returncode}: {said[-1][:300]}") from None
    return Played(times=answer["times"], rewards=answer["rewards"], seconds=answer["seconds"])


async def _one_by_one(
    backend: Backend, suite: CompatSuite, episodes: Sequence[RecordedEpisode]
) -> Played:
    tasks = {task.id: task for task in suite.tasks}
    await backend.prepare(suite.tasks[0].image)
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rewards: Rewards = []
    began = perf_counter()
    for episode in episodes:
        came: list[float | None] = []
        rewards.append(came)
        async with suite.environment(tasks[episode.task_id], backend) as environment:
            before = perf_counter()
            await environment.reset()
            times["reset"].append(perf_counter() - before)
            for action in _actions(episode):
                before = perf_counter()
                seen = await environment.step(action)
                between = perf_counter()
                if "original_error" in seen.info:
                    came.append(None)
                    break
                scored = await environment.score()
                times["step"].append(between - before)
                times["reward"].append(perf_counter() - between)
                came.append(scored.reward)
    return Played(times=times, rewards=rewards, seconds=perf_counter() - began)


if __name__ == "__main__":
    main(measure)
