"""What recorded InterCode results are read into, and what their names tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from attrs import field, frozen

CUT = 350
"""Where ReAct cut an observation, in characters (eval_react.py)."""

_SUITES = (
    (re.compile(r"nl2bash_fs_([1-4])\.json"), "intercode/nl2bash-{}"),
    (re.compile(r"(spider|wikisql|bird|mbpp)"), "intercode/{}"),
    (re.compile(r"(ctf)(?:_test)?\.json"), "intercode/{}"),
)
_OURS = re.compile(r"[a-z]+")
"""A data set that is no path: the name of a suite of ours, in a file that we exported."""
_OF_ENVIRONMENT = {
    "ic_sql": "intercode/spider",
    "ic_python": "intercode/mbpp",
    "ic_ctf": "intercode/ctf",
}
"""What there was to record on, where a file names no data set."""
_NAME = re.compile(
    r"ic_(?:bash|sql|python|ctf)_(?:multiturn_)?(?P<model>.+?)[-_](?P<turns>\d+)_turns"
)
_FILESYSTEM = re.compile(r"_fs_([1-4])$")
_UNNAMED = re.compile(r"ic_(?:bash|sql)_(?:react|plan_solve)")
UNNAMED_MODEL = "gpt-3.5"
"""Whose folder holds the original's ReAct and Plan & Solve files, which name no model."""


@frozen(kw_only=True)
class RecordedTurn:
    """One turn as it was written down."""

    action: str
    """The action as logged."""
    code: str | None
    """What the environment was given; None if the action never reached it."""
    observation: str | None = None
    reward: float | None = None
    """None where the turn was not scored."""
    valid: bool | None = None
    """Whether the action was executed; None where nobody wrote it down. ReAct and Plan &
    Solve repeat the last value for an action that never reached the environment."""
    thought: str | None = None
    """ReAct's thought, or the step of the plan that the action is for."""
    stable: bool = True
    """Whether the original gives the same reward each time (reference files only)."""


@frozen(kw_only=True)
class RecordedEpisode:
    """One episode as it was written down."""

    task_id: str
    query: str | None
    """What was asked; None in a reference file."""
    turns: tuple[RecordedTurn, ...] = field(converter=tuple[RecordedTurn, ...])
    scored_every_turn: bool = True
    cut: bool = False
    """Whether observations end after `CUT` characters."""
    reward: float | None = None
    """What the original counted: the best of all turns, or the last where it scored once."""
    turns_taken: int = 0
    """Turns as the original counted them: ReAct's forced submission is none."""
    hardness: str | None = None
    formula: str | None = None
    """Name of the reward's formula; SQL has more than one (`sql/reward.py`)."""

    @property
    def is_sql(self) -> bool:
        """Whether it is one of SQL."""
        return self.formula is not None


@frozen(kw_only=True)
class Recording:
    """One file of recorded episodes."""

    source: str
    suite: str | None
    """Name of the suite that it was recorded on, if the file says."""
    episodes: tuple[RecordedEpisode, ...] = field(converter=tuple[RecordedEpisode, ...])
    strategy: str = "try-again"
    """`single-turn`, `try-again`, `react`, `plan-and-solve`, `plan-and-solve+refine-N` or
    `human`."""
    model: str | None = None
    schema: bool = False
    """Whether the model was shown the schema (the original's `handicap`)."""
    max_turns: int | None = None


def suite_of(datasets: Iterable[str], environments: Iterable[str], file: str) -> str | None:
    """Name the suite that all of a file's episodes were recorded on; None if it is not plain."""
    found = set()
    for name in datasets:
        for pattern, suite in _SUITES:
            if match := pattern.search(name):
                found.add(suite.format(match[1]))
                break
        else:
            found.update([name] if _OURS.fullmatch(name) else [])
    if not found:
        found = {_OF_ENVIRONMENT[name] for name in environments if name in _OF_ENVIRONMENT}
    if not found and (match := _FILESYSTEM.search(Path(file).stem)):
        found = {f"intercode/nl2bash-{match[1]}"}
    return found.pop() if len(found) == 1 else None


def model_of(path: Path) -> str | None:
    """Name the model from a file's name as the original's harnesses gave it, or its folder."""
    stem = path.name
    if _UNNAMED.match(stem):
        in_a_clone = path.parent.parent.name in ("bash", "sql")
        return path.parent.name if in_a_clone else UNNAMED_MODEL
    found = _NAME.match(stem)
    return found["model"] if found else None
