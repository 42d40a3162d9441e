"""Which of the two reward formulas a published file was recorded with.

Git history holds only the later one. Where the two give different numbers the files are
unambiguous: these were recorded with the share of rows alone, all others times tau.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from asynccode.tasks.intercode.recorded import Recording
from asynccode.tasks.intercode.sql.reward import FORMULAS

_SHARE_ONLY = ("chat-bison", "gpt-4", "text-bison", "text-davinci-003")
_MERGED = range(810, 973)
"""Tasks of gpt-3.5_10_turns, merged from pieces, in the piece that has no tau."""


def formula_of(recording: Recording, task_id: str) -> str:
    """Name the formula by which a task of a recording was scored."""
    model = recording.model or ""
    if recording.strategy == "react" or model.startswith(_SHARE_ONLY):
        return "iou"
    if model.startswith("gpt-3.5") and recording.strategy in ("try-again", "single-turn"):
        if recording.schema:
            return "iou"
        merged = "gpt-3.5_10_turns" in Path(recording.source).stem
        if merged and task_id.isdigit() and int(task_id) in _MERGED:
            return "iou"
    return FORMULAS[0]


def is_sql(suite: str | None) -> bool:
    """Whether a suite's name is one of SQL."""
    return (suite or "").removeprefix("intercode/") in ("spider", "wikisql", "bird")


def with_formulas(recording: Recording) -> Recording:
    """Give a recording of SQL whose episodes know their formula."""
    return evolve(
        recording,
        episodes=[
            evolve(episode, formula=formula_of(recording, episode.task_id))
            for episode in recording.episodes
        ],
    )
