"""Tasks, actions, steps and episodes: what goes in and what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from attrs import field, frozen

from asynccode.calls import Call
from asynccode.feedback import Feedback
from asynccode.images import Image
from asynccode.outcomes import Outcome

LABELS = {
    "difficulty": ("difficulty", "hardness"),
    "filesystem": ("filesystem",),
    "category": ("category",),
}
"""What figures are split by in tables, and the names that it has in the metadata of tasks."""


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

    @property
    def labels(self) -> dict[str, str]:
        """What its figures are split by: those of `LABELS` that its metadata has."""
        return {
            label: str(self.metadata[name])
            for label, names in LABELS.items()
            for name in names
            if self.metadata.get(name) is not None
        }


@frozen(kw_only=True)
class Remark:
    """What an audit says of a task besides its rewards."""

    kind: str
    """`leak`, `network`, `gold`, `missing` or another word of the suite's."""
    text: str
    is_fault: bool = True
    """Whether the task is not fair because of it."""
    blocks: bool = False
    """Whether the task cannot be played because of it."""


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


@frozen(kw_only=True)
class Invalid:
    """What the agent said could not be read as an action. Nothing runs; it is told why."""

    text: str
    """What it said."""
    message: str
    """What it is told: what was wrong, and what would be right."""

    def __str__(self) -> str:
        return self.text


Action = str | Submit | Skip
"""Code to run, or one of the two typed actions: what an environment takes."""


def kind_of(action: Action | Invalid) -> str:
    """Name what an action is: `code`, `submit`, `skip` or `invalid`."""
    if isinstance(action, str):
        return "code"
    return type(action).__name__.lower()


@frozen(kw_only=True)
class Move:
    """An action, or what was none, with what a policy wants kept of how it came about."""

    action: Action | Invalid
    thought: str | None = None
    """Why, in the agent's words."""
    calls: Sequence[Call] = field(default=(), converter=tuple[Call, ...])
    """The requests to a model that it took."""


@frozen(kw_only=True)
class Brief:
    """What an agent may be told of its world beside the query."""

    language: str = "bash"
    """What actions are written in: `bash`, `sql`, `python`, ..."""
    about: str = ""
    """The world in a sentence or two: what is there, what a submission's answer is."""
    hint: str | None = None
    """What makes the task easier, such as a database's schema; told only where it is asked for
    (the original's `handicap`)."""


class StepResult(NamedTuple):
    """What `Environment.step` gives, in Gymnasium's order."""

    observation: str
    reward: float | None
    """None while the episode is not scored."""
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]
    """`outcome`, `exit_code`, `valid` (the code ran), `truncated` (output was cut), and after
    scoring `reward_parts`, a mapping of names to numbers. It may also hold `feedback`, what
    full feedback adds in words, `price`, what the action costs (`asynccode.budget`), and
    `stop_reason`, where the environment knows better why the episode ends."""


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
    kind: str = "code"
    """`code`, `submit`, `skip` or `invalid`."""
    shown: str | None = None
    """What the policy was shown in place of the observation; None if it was the observation."""
    price: float | None = None
    """What the action cost; None where nothing has a price."""
    thought: str | None = None
    calls: Sequence[Call] = ()

    @property
    def seen(self) -> str:
        """What the policy was shown."""
        return (self.observation or "") if self.shown is None else self.shown


class StopReason(StrEnum):
    """Why an episode ended."""

    SUBMITTED = "submitted"
    SOLVED = "solved"
    MAX_TURNS = "max_turns"
    MAX_CALLS = "max_calls"
    MAX_PRICE = "max_price"
    MAX_TOKENS = "max_tokens"
    WALL_TIME = "wall_time"
    CONTEXT_OVERFLOW = "context_overflow"
    SKIPPED = "skipped"
    GUESS_LIMIT = "guess_limit"
    """Too many wrong answers where several may be tried (capture the flag)."""
    POLICY_ERROR = "policy_error"
    HARNESS_ERROR = "harness_error"
    CANCELLED = "cancelled"


UNJUDGED = frozenset({StopReason.HARNESS_ERROR, StopReason.POLICY_ERROR, StopReason.CANCELLED})
"""Stop reasons of episodes in which nobody was judged: they have no reward, are in no rate, and
are played again by a run that goes on."""


@frozen(kw_only=True)
class Turn:
    """What a policy sees when it is asked to act."""

    task: Task
    attempt: int
    observation: str
    """What it is shown of the last step, or the query."""
    steps: Sequence[Step]
    brief: Brief = field(factory=Brief)
    feedback: Feedback = Feedback.HIDDEN
    max_turns: int = 10


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
    tokens_in: int = 0
    """Tokens of all prompts of all calls to a model; also of a try that the harness lost."""
    tokens_out: int = 0
    labels: Mapping[str, str] = field(factory=dict)
    """What its figures are split by in tables (`Task.labels`)."""
