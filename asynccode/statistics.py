"""What a run has done so far: read by progress and summaries, written by `rollout`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any

from attrs import define, field

from asynccode.episode import Running
from asynccode.records import UNJUDGED, Episode, StopReason


@define(kw_only=True, eq=False)
class Tally:
    """Counts over finished episodes."""

    episodes: int = 0
    solved: int = 0
    scored: int = 0
    """Episodes with a reward."""
    reward_sum: float = 0.0
    steps: int = 0
    stop_reasons: Counter[str] = field(factory=Counter)
    outcomes: Counter[str] = field(factory=Counter)
    """Outcomes of steps."""
    tokens_in: int = 0
    """Tokens of all prompts, of policies that ask a model."""
    tokens_out: int = 0

    def add(self, episode: Episode) -> None:
        """Count an episode."""
        outcomes = (step.outcome for step in episode.steps)
        self._add(len(episode.steps), outcomes, episode.solved, episode.reward, episode.stop_reason)
        self.tokens_in += episode.tokens_in
        self.tokens_out += episode.tokens_out

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Count a line of `episodes.jsonl`."""
        outcomes = (step.get("outcome") for step in record["steps"])
        self._add(
            len(record["steps"]),
            outcomes,
            bool(record.get("solved")),
            record["reward"],
            record["stop_reason"],
        )
        self.tokens_in += record.get("tokens_in", 0)
        self.tokens_out += record.get("tokens_out", 0)

    def _add(
        self,
        steps: int,
        outcomes: Iterable[str | None],
        solved: bool,
        reward: float | None,
        stop: str,
    ) -> None:
        self.episodes += 1
        self.steps += steps
        self.solved += solved
        self.stop_reasons[str(stop)] += 1
        self.outcomes.update(str(outcome) for outcome in outcomes if outcome is not None)
        if reward is not None:
            self.scored += 1
            self.reward_sum += reward

    @property
    def harness_errors(self) -> int:
        """Episodes whose harness failed: they count as neither solved nor unsolved."""
        return self.stop_reasons[StopReason.HARNESS_ERROR.value]

    def summary(self) -> dict[str, Any]:
        """Give counts, and means that leave out what was not judged."""
        judged = self.episodes - sum(self.stop_reasons[reason.value] for reason in UNJUDGED)
        return {
            "episodes": self.episodes,
            "solved": self.solved,
            "success_rate": self.solved / judged if judged else None,
            "mean_reward": self.reward_sum / self.scored if self.scored else None,
            "mean_turns": self.steps / self.episodes if self.episodes else None,
            "steps": self.steps,
            "harness_errors": self.harness_errors,
            "outcomes": dict(self.outcomes),
            "stop_reasons": dict(self.stop_reasons),
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
        }


@define(kw_only=True, eq=False)
class Statistics:
    """What one run has done so far."""

    total: int
    """Episodes asked for, those of an earlier run into the same folder left out."""
    started: int = 0
    retried: int = 0
    """Episodes played a second time after a harness error."""
    peak_concurrency: int = 0
    """The most episodes that ran at once."""
    finished: Tally = field(factory=Tally)
    sandboxes: Callable[[], Mapping[str, int]] = dict
    """Asks the run's pool for its counts."""
    running: dict[int, Running] = field(factory=dict, repr=False)
    """The episodes being played, oldest first."""
    began: float = field(factory=perf_counter)
    ended: float | None = None

    def begin(self, running: Running) -> None:
        """Note that an episode is being played."""
        self.running[id(running)] = running
        self.peak_concurrency = max(self.peak_concurrency, len(self.running))

    def end(self, running: Running) -> None:
        """Note that an episode is no longer played, finished or not."""
        self.running.pop(id(running), None)

    @property
    def wall_seconds(self) -> float:
        """Seconds since the run began, or that it took."""
        return (perf_counter() if self.ended is None else self.ended) - self.began

    @property
    def steps(self) -> int:
        """Steps of finished episodes and of those that run."""
        return self.finished.steps + sum(len(r.steps) for r in self.running.values())

    def summary(self) -> dict[str, Any]:
        """Give the counts and this run's rates per second."""
        seconds = max(self.wall_seconds, 1e-9)
        sandboxes = self.sandboxes()
        return {
            **self.finished.summary(),
            "wall_seconds": self.wall_seconds,
            "episodes_per_second": self.finished.episodes / seconds,
            "steps_per_second": self.finished.steps / seconds,
            "peak_concurrency": self.peak_concurrency,
            "retried": self.retried,
            "recycled": sandboxes.get("recycled", 0),
            "spoilt": sandboxes.get("spoilt", 0),
        }
