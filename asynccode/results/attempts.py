"""One episode as tables count it, and where a batch of them comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from asynccode.records import LABELS, UNJUDGED

_PART = re.compile(r"(.*nl2bash)-(\d+)")


@frozen(kw_only=True)
class Attempt:
    """One episode as tables count it."""

    task_id: str
    attempt: int = 0
    solved: bool = False
    first_solved: bool | None = None
    """Whether the first turn alone solved it; None where it was not scored."""
    reward: float | None = None
    turns: int = 0
    error_share: float | None = None
    """The share of actions that were not executed; None where nobody wrote it down."""
    stop_reason: str | None = None
    seconds: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    labels: Mapping[str, str] = field(factory=dict)
    """What it is sorted under: `difficulty`, `filesystem`."""

    @property
    def is_judged(self) -> bool:
        """Whether it counts in rates: harness and policy held, and nobody stopped it."""
        return self.stop_reason not in UNJUDGED


@frozen(kw_only=True)
class Batch:
    """Episodes that were made in one go: a run folder or a result file."""

    source: str
    suite: str
    model: str
    """Who acted: a model, or a policy without one."""
    strategy: str | None = None
    schema: bool = False
    """Whether the agent was shown a database's schema."""
    backend: str | None = None
    compat: str | None = None
    foreign: bool = False
    """Whether others made it."""
    settings: Mapping[str, Any] = field(factory=dict)
    """What else decides the figures: seed, max_turns, limits, versions."""
    attempts: Sequence[Attempt] = field(default=(), repr=False)
    played_again: int = 0
    """Episodes that broke or were cancelled and were played again: only the last try counts."""
    skipped: Sequence[str] = ()
    """What could not be read, in a sentence each."""

    @property
    def family(self) -> str:
        """The suite without the number of its part: the parts make one data set."""
        found = _PART.fullmatch(self.suite)
        return found[1] if found else self.suite


def labels_of(metadata: Mapping[str, Any], suite: str) -> dict[str, str]:
    """Give the labels of a task: the part in its suite's name, and what metadata has."""
    found = {
        label: str(metadata[name])
        for label, names in LABELS.items()
        for name in names
        if metadata.get(name) is not None
    }
    if part := _PART.fullmatch(suite):
        found["filesystem"] = part[2]
    return found


def error_share(valid: Sequence[bool | None]) -> float | None:
    """Give the share of actions that were not executed, of those of which it is known."""
    known = [flag for flag in valid if flag is not None]
    return known.count(False) / len(known) if known else None
