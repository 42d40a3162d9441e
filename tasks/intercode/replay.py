"""Plays recorded episodes again and compares, turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from time import perf_counter, time
from typing import Any, Protocol

import anyio
from attrs import define, evolve, field, frozen

from asynccode.errors import TaskDataError
from asynccode.interfaces import Environment, Worlds
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Task
from asynccode.tasks.intercode.recordings import RecordedEpisode, RecordedTurn, Recording
from asynccode.tasks.intercode.shown import shows
from asynccode.tasks.intercode.world import birth

Progress = Callable[["Played", int], None]
"""Called with each episode as it ends, and how many there are."""
ATTEMPTS = 2
"""How often an episode is played that the harness breaks."""
ALIKE = 0.9
"""How alike two wordings of a query are, at least: 1 is the same (difflib's ratio)."""
NOT_CODE = "Error executing query: Your last `execute` action did not contain {} code"
"""What ReAct's harness said to an action that it did not execute (eval_react.py)."""


class Replayable(Protocol):
    """A suite with the original's semantics."""

    name: str
    limits: Limits

    @property
    def tasks(self) -> Sequence[Task]:
        """Its tasks."""
        ...

    def reborn(self, born: int) -> Replayable:
        """Give the suite on worlds that are as old as those of a run that begins now."""
        ...

    def rehearsal(
        self, task: Task, worlds: Worlds, episode: RecordedEpisode, *, scored: bool
    ) -> Environment:
        """Give an environment that does what the harness of a recorded episode did.

        With `scored` each turn is scored at once.
        """
        ...


@frozen(kw_only=True)
class Comparison:
    """One turn: what was expected and what came."""

    expected: RecordedTurn
    observation: str | None
    reward: float | None
    """None where there is none: the original's run dies, or the turn was not played."""
    episode: RecordedEpisode
    """The one that it belongs to, which says how observations were written down."""
    played: bool = True
    timed_out: bool = False

    @property
    def same_observation(self) -> bool:
        """Whether the agent would have seen the same text."""
        if self.observation is None or self.expected.observation is None:
            return False
        return shows(self.observation, self.expected.observation, self.episode)

    @property
    def same_reward(self) -> bool:
        """Whether the rewards are equal."""
        if self.reward is None or self.expected.reward is None:
            return self.played and self.reward is self.expected.reward
        return abs(self.reward - self.expected.reward) < 1e-9


@define(kw_only=True)
class Played:
    """One episode that was played again."""

    task_id: str
    turns: list[Comparison] = field(factory=list)
    error: str | None = None
    """What went wrong in the harness; turns that were not played differ."""

    def best(self) -> tuple[float, float]:
        """Give the highest reward that was expected, and that came."""
        expected = [turn.expected.reward for turn in self.turns]
        came = [turn.reward for turn in self.turns]
        best_expected = max((reward for reward in expected if reward is not None), default=0.0)
        return best_expected, max((reward for reward in came if reward is not None), default=0.0)


async def replay(
    recording: Recording,
    suite: Replayable,
    worlds: Worlds,
    *,
    reference: Mapping[str, RecordedEpisode] | None = None,
    concurrency: int = 16,
    progress: Progress | None = None,
    shown: int = 10,
) -> dict[str, Any]:
    """Play every episode of `recording` and give the figures of `replay --json`.

    Recorded figures are compared with, or those of `reference`. An episode that the harness
    breaks is counted and the others go on. Raises `TaskDataError` if the recording was not
    made on the suite's tasks or the reference not from the recording.
    """
    suite = suite.reborn(birth(time()))
    jobs = _jobs(recording, suite, reference)
    for image in {task.image.digest: task.image for task, *_ in jobs}.values():
        async with await worlds.open(image, suite.limits):
            pass  # built before the clock runs
    played: list[Played] = []
    limit = anyio.CapacityLimiter(concurrency)
    began = perf_counter()

    async def one(task: Task, episode: RecordedEpisode, expected: RecordedEpisode) -> None:
        async with limit:
            for _ in range(ATTEMPTS):
                result = Played(task_id=task.id)
                try:
                    await _play(result, task, episode, expected, suite, worlds)
                    break
                except Exception as error:  # noqa: BLE001 (whatever broke is this episode's alone)
                    result.error = f"{type(error).__name__}: {error}"
            _fill(result, episode, expected)
            played.append(result)
            if progress is not None:
                progress(result, len(jobs))

    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(one, *job)
    seconds = perf_counter() - began
    order = {task.id: number for number, task in enumerate(suite.tasks)}
    played.sort(key=lambda result: order[result.task_id])
    return summarise(played, seconds, stable=reference is not None, shown=shown)


def _jobs(
    recording: Recording, suite: Replayable, reference: Mapping[str, RecordedEpisode] | None
) -> list[tuple[Task, RecordedEpisode, RecordedEpisode]]:
    tasks = {task.id: task for task in suite.tasks}
    jobs = []
    for episode in recording.episodes:
        task = tasks.get(episode.task_id)
        if task is None or not _is_asked(episode.query, task.query):
            raise TaskDataError(
                f"{recording.source} was not recorded on {suite.name}: its task "
                f"{episode.task_id} asks {episode.query!r}; name its own suite with --suite."
            )
        expected = episode if reference is None else reference.get(episode.task_id)
        if expected is None:
            continue  # the reference covers some of the episodes
        pairs = zip(episode.turns, expected.turns, strict=False)
        if any(wanted.action not in (turn.action, turn.code) for turn, wanted in pairs):
            raise TaskDataError(
                f"The reference holds other actions for task {episode.task_id} than "
                f"{recording.source}; name the reference of that file."
            )
        jobs.append((task, episode, expected))
    if not jobs:
        raise TaskDataError(f"The reference covers no episode of {recording.source}.")
    return jobs


def _is_asked(recorded: str | None, query: str) -> bool:
    """Whether a query is the recorded one; a few of its words may have changed since."""
    if recorded is None or recorded == query:
        return True
    return SequenceMatcher(None, recorded, query, autojunk=False).ratio() >= ALIKE


async def _play(
    result: Played,
    task: Task,
    episode: RecordedEpisode,
    expected: RecordedEpisode,
    suite: Replayable,
    worlds: Worlds,
) -> None:
    scored = _is_scored(episode, expected)
    known = evolve(expected, formula=expected.formula or episode.formula)
    async with suite.rehearsal(task, worlds, known, scored=scored) as environment:
        await environment.reset()
        for turn, wanted in zip(episode.turns, expected.turns, strict=False):
            if turn.code is None:
                said = NOT_CODE.format("sql" if episode.is_sql else "bash")
                came = Comparison(expected=wanted, observation=said, reward=0.0, episode=expected)
                result.turns.append(came)
                continue
            seen, reward, _, _, info = await environment.step(turn.code)
            died = "original_error" in info
            # Where nobody wrote down a reward there is none to compare with.
            unscored = wanted.reward is None and (known.is_sql or not scored)
            came = Comparison(
                expected=wanted,
                observation=seen,
                reward=None if died or unscored else reward,
                episode=known,
                timed_out=info["outcome"] is Outcome.TIMEOUT,
            )
            result.turns.append(came)
            if died:
                return


def _is_scored(episode: RecordedEpisode, expected: RecordedEpisode) -> bool:
    """Whether each turn was scored: a reference may be, where the recording was not."""
    return episode.scored_every_turn or any(
        wanted.reward and turn.code != "submit"
        for turn, wanted in zip(episode.turns, expected.turns, strict=False)
    )


def _fill(result: Played, episode: RecordedEpisode, expected: RecordedEpisode) -> None:
    """Count the turns that were not played, and drop those that no environment ever saw."""
    for wanted in expected.turns[len(result.turns) :]:
        result.turns.append(
            Comparison(
                expected=wanted, observation=None, reward=None, episode=expected, played=False
            )
        )
    # What a harness of SQL says to a model that gives no SQL is a prompt, no observation.
    unseen = episode.is_sql and not episode.cut
    result.turns = [
        turn
        for turn, recorded in zip(result.turns, episode.turns, strict=False)
        if recorded.code is not None or (recorded.observation is not None and not unseen)
    ]


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def summarise(
    played: Sequence[Played], seconds: float, *, stable: bool, shown: int
) -> dict[str, Any]:
    """Give the figures over all episodes (see CONTRACT.md)."""
    turns = [
        (result, number, turn) for result in played for number, turn in enumerate(result.turns)
    ]
    best = [result.best() for result in played]
    differing = [row for row in turns if not row[2].same_reward]
    differing.sort(key=lambda row: not row[2].expected.stable)
    differing += [row for row in turns if row[2].same_reward and not row[2].same_observation]
    figures: dict[str, Any] = {
        "episodes": len(played),
        "turns": len(turns),
        "same_reward": _share([turn.same_reward for *_, turn in turns]),
        "same_observation": _share([turn.same_observation for *_, turn in turns]),
        "same_max_reward": _share([abs(wanted - came) < 1e-9 for wanted, came in best]),
        "success_rate_recorded": _share([wanted >= 1.0 for wanted, _ in best]),
        "success_rate_replayed": _share([came >= 1.0 for _, came in best]),
        "harness_errors": sum(result.error is not None for result in played),
        "errors": [f"{r.task_id}: {r.error}" for r in played if r.error is not None][:shown],
        "timed_out_turns": sum(turn.timed_out for *_, turn in turns),
        "wall_seconds": seconds,
        "turns_per_second": len(turns) / seconds if seconds else None,
    }
    if stable:
        kept = [turn for *_, turn in turns if turn.expected.stable]
        figures["stable_turns"] = len(kept)
        figures["same_reward_stable"] = _share([turn.same_reward for turn in kept])
    figures["differences"] = [_difference(*row) for row in differing[:shown]]
    return figures


def _difference(result: Played, number: int, turn: Comparison) -> dict[str, Any]:
    return {
        "task": result.task_id,
        "turn": number,
        "action": turn.expected.action,
        "stable": turn.expected.stable,
        "reward": [turn.expected.reward, turn.reward],
        "observation": [turn.expected.observation, turn.observation],
    }
