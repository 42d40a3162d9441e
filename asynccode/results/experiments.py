"""Batches that belong together, and the figures of each."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from asynccode.records import LABELS
from asynccode.results.attempts import Attempt, Batch
from asynccode.results.estimates import Estimate, mean, pass_at_k, success_rate

ALL = "all"
"""The group of everything."""
SAME = ("seed", "feedback", "semantics", "budget", "agent")
"""Settings that batches of one experiment share."""
FEW = 10
"""One task in so many may have fewer attempts than the largest k that pass@k is given for."""
ORDER = ("easy", "simple", "medium", "moderate", "hard", "challenging", "extra")
"""Groups that have an order of their own; others are in the order of their names."""


@frozen(kw_only=True)
class Figures:
    """What is counted over some episodes."""

    episodes: int
    judged: int
    """Episodes that rates are taken over (`asynccode.records.UNJUDGED`)."""
    tasks: int
    """Tasks with a judged episode."""
    solved: int
    stop_reasons: Mapping[str, int]
    success: Estimate | None
    first_success: Estimate | None
    """The same after one turn: what a single turn would have reached."""
    turns: Estimate | None
    error: Estimate | None
    """The mean over episodes of the share of actions that were not executed."""
    reward: Estimate | None
    pass_at: Mapping[int, Estimate] = field(factory=dict)
    tokens_in: int | None = None
    tokens_out: int | None = None

    @property
    def harness_errors(self) -> int:
        """Episodes that the harness broke: shown apart, in no rate."""
        return self.stop_reasons.get("harness_error", 0)


@frozen(kw_only=True)
class Experiment:
    """Batches on parts of one data set by one agent under one setting."""

    batches: Sequence[Batch]
    total: Figures
    groups: Mapping[str, Mapping[str, Figures]]
    """Figures by label and group, such as `difficulty` and `easy`."""

    @property
    def first(self) -> Batch:
        """Any of the batches: what they share can be read off it."""
        return self.batches[0]

    @property
    def suite(self) -> str:
        """The data set, or the part of it if there is one batch."""
        return self.first.suite if len(self.batches) == 1 else self.first.family

    @property
    def sources(self) -> list[str]:
        """Where the episodes are."""
        return [batch.source for batch in self.batches]


def experiments(batches: Iterable[Batch], ks: Sequence[int] = ()) -> list[Experiment]:
    """Put batches together and count.

    Batches of the same agent, strategy, backend and mode on *different* parts of one data
    set are one experiment, as the paper counts them; a second batch on the same part is one
    of its own. `ks` asks for certain pass@k; without it they are 1, 2, 4, ... and the most
    that nine tasks in ten have.
    """
    groups: dict[object, list[list[Batch]]] = defaultdict(list)
    for batch in batches:
        if not batch.attempts:
            continue
        alike = groups[_key(batch)]
        for parts in alike:
            if batch.suite not in {part.suite for part in parts}:
                parts.append(batch)
                break
        else:
            alike.append([batch])
    return [_experiment(parts, ks) for alike in groups.values() for parts in alike]


def _key(batch: Batch) -> object:
    return (
        batch.family,
        batch.model,
        batch.strategy,
        batch.schema,
        batch.backend,
        batch.compat,
        batch.foreign,
        *(repr(batch.settings.get(name)) for name in SAME),
        None if batch.foreign else batch.settings.get("max_turns"),
    )


def _experiment(parts: Sequence[Batch], ks: Sequence[int]) -> Experiment:
    pairs = [(part.suite, attempt) for part in parts for attempt in part.attempts]
    groups: dict[str, dict[str, Figures]] = {}
    for label in LABELS:
        split = defaultdict(list)
        for suite, attempt in pairs:
            if label in attempt.labels:
                split[attempt.labels[label]].append((suite, attempt))
        if split:
            groups[label] = {name: figures(split[name], ks) for name in sorted(split, key=_rank)}
    return Experiment(batches=tuple(parts), total=figures(pairs, ks), groups=groups)


def figures(pairs: Sequence[tuple[str, Attempt]], ks: Sequence[int] = ()) -> Figures:
    """Count over attempts, each with its suite."""
    judged = [(suite, attempt) for suite, attempt in pairs if attempt.is_judged]
    tasks: dict[tuple[str, str], list[bool]] = defaultdict(list)
    first: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for suite, attempt in judged:
        tasks[suite, attempt.task_id].append(attempt.solved)
        if attempt.first_solved is not None:
            first[suite, attempt.task_id].append(attempt.first_solved)
    found = [attempt for _, attempt in judged]
    return Figures(
        episodes=len(pairs),
        judged=len(judged),
        tasks=len(tasks),
        solved=sum(attempt.solved for attempt in found),
        stop_reasons=Counter(a.stop_reason for _, a in pairs if a.stop_reason is not None),
        success=success_rate(tasks.values()),
        first_success=success_rate(first.values()),
        turns=mean(attempt.turns for attempt in found),
        error=mean(a.error_share for a in found if a.error_share is not None),
        reward=mean(a.reward for a in found if a.reward is not None),
        pass_at=_pass_at(list(tasks.values()), ks),
        tokens_in=_sum(a.tokens_in for _, a in pairs),
        tokens_out=_sum(a.tokens_out for _, a in pairs),
    )


def _pass_at(tasks: Sequence[Sequence[bool]], ks: Sequence[int]) -> dict[int, Estimate]:
    attempts = sorted(map(len, tasks))
    # A broken episode costs its task an attempt: what most tasks have counts.
    most = attempts[len(attempts) // FEW] if attempts else 0
    if not ks and most > 1:
        ks = sorted({1 << power for power in range(most.bit_length())} | {most})
    made = {k: pass_at_k(tasks, k) for k in ks}
    return {k: estimate for k, estimate in made.items() if estimate is not None}


def _sum(values: Iterable[int | None]) -> int | None:
    found = [value for value in values if value is not None]
    return sum(found) if found else None


def _rank(name: str) -> tuple[int, list[tuple[int, str]]]:
    known = ORDER.index(name) if name in ORDER else len(ORDER)
    parts = re.split(r"(\d+)", name)
    return known, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
