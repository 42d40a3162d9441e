"""Tasks, actions, steps and episodes: what goes in and what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from attrs import field, frozen

from asynccode.images import Image
from asynccode.outcomes import Outcome


@frozen(kw_only=True)
class Task:
    """One problem."""

    id: str
    query: str
    """What is asked, in words."""
    gold: Sequence[str] = field(default=(), converter=tuple[str, ...], repr=False)
    """The actions that solve it, in order. Never enters an agent's sandbox."""
    image: Image = field(factory=Image, repr=False)
    compare: str = "normalised"
    """Name of the comparer for outputs (see `asynccode.tasks.rewards`)."""
    metadata: Mapping[str, Any] = field(factory=dict)
    """Provenance, difficulty, and whatever the environment needs to know."""


@frozen(kw_only=True)
class Submit:
    """The agent says it is done. `answer` replaces the last observation as its answer."""

    answer: str | None = None

    def __str__(self) -> str:
        return "submit" if self.answer is None else f"submit {self.answer}"


@frozen(kw_only=True)
class Skip:
    """The agent gives the task up."""

    def __str__(self) -> str:
        return "skip"


Action = str | Submit | Skip
"""Code to run, or one of the two typed actions."""


class StepResult(NamedTuple):
    """What `Environment.step` gives, in Gymnasium's order."""

    observation: str
    reward: float | None
    """None while the episode is not scored."""
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]
    """`outcome`, `exit_code`, `valid` (the code ran), `truncated` (output was cut), and after
    scoring `reward_parts`, a mapping of names to numbers."""


@frozen(kw_only=True)
class Step:
    """One recorded turn."""

    action: str
    observation: str | None
    outcome: Outcome | None = None
    exit_code: int | None = None
    reward: float | None = None
    valid: bool | None = None
    """Whether the action was executed (the original's `action_executed`)."""
    seconds: float = 0.0
    truncated: bool = False


class StopReason(StrEnum):
    """Why an episode ended."""

    SUBMITTED = "submitted"
    SOLVED = "solved"
    MAX_TURNS = "max_turns"
    WALL_TIME = "wall_time"
    SKIPPED = "skipped"
    POLICY_ERROR = "policy_error"
    HARNESS_ERROR = "harness_error"
    CANCELLED = "cancelled"


@frozen(kw_only=True)
class Turn:
    """What a policy sees when it is asked to act."""

    task: Task
    attempt: int
    observation: str
    steps: Sequence[Step]


@frozen(kw_only=True)
class Episode:
    """One finished attempt; a line of `episodes.jsonl`."""

    task_id: str
    attempt: int
    suite: str
    backend: str
    query: str
    steps: Sequence[Step] = field(converter=tuple[Step, ...])
    reward: float | None
    """The final reward; None when the harness failed, never 0 for that."""
    reward_parts: Mapping[str, Any] = field(factory=dict)
    solved: bool = False
    stop_reason: StopReason
    wall_seconds: float
    error: str | None = None
