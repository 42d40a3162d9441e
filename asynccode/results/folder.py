"""Reads run folders for tables and pages: of any version, cut at any byte.

What cannot be read is left out and said, never raised; `asynccode.runfolder` is the strict
reader, for a run that goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asynccode.errors import TaskDataError
from asynccode.records import StopReason
from asynccode.runfolder import EPISODES, MANIFEST, UNFINISHED, read_manifest

Note = Callable[[str], None]
"""Is told what is left out, in a sentence each time."""

NOTED = 20
"""Lines of one file that are named; others are counted."""


def is_run_folder(path: Path) -> bool:
    """Whether a path is a run folder, or an `episodes.jsonl`."""
    if path.is_dir():
        return (path / MANIFEST).exists() or (path / EPISODES).exists()
    return path.suffix == ".jsonl"


def manifest_of(path: Path, note: Note) -> dict[str, Any]:
    """Read the manifest; empty where there is none that can be read."""
    folder = path if path.is_dir() else path.parent
    try:
        return read_manifest(folder)
    except TaskDataError as error:
        note(str(error))
        return {}


def episodes_of(path: Path, note: Note) -> Iterator[dict[str, Any]]:
    """Read the episodes one at a time, in the order in which they ended.

    Each has all that this version writes, with what older ones did not write as None or
    empty. The same (task, attempt) again is left out.
    """
    file = path / EPISODES if path.is_dir() else path
    seen: set[tuple[str, int]] = set()
    bad = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                episode = _read(line, seen)
                if isinstance(episode, dict):
                    yield episode
                    continue
                bad += 1
                if bad <= NOTED:
                    note(f"{file}, line {number}: {episode}")
    except OSError as error:
        note(f"{file} could not be read: {error.strerror}.")
    if bad > NOTED:
        note(f"{file}: {bad - NOTED} more lines are left out.")


def _read(line: bytes, seen: set[tuple[str, int]]) -> dict[str, Any] | str:
    """Give the episode that a line holds, or what is wrong with it."""
    if not line.endswith(b"\n"):
        return "it was cut off; its episode is left out."
    try:
        episode = whole(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"it is no episode and is left out ({error!r:.200})."
    key = episode["task_id"], episode["attempt"]
    if key in seen:
        return f"task {key[0]!r}, attempt {key[1]} was there already; left out."
    seen.add(key)
    return episode


def played_again(path: Path) -> int:
    """Count the episodes that broke or were cancelled and were played again by a resumed run."""
    folder = path if path.is_dir() else path.parent
    try:
        with (folder / UNFINISHED).open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0


def whole(record: Mapping[str, Any]) -> dict[str, Any]:
    """Check a line and fill in what it lacks. Raises `TypeError`, `KeyError`, `ValueError`."""
    made: dict[str, Any] = {
        "suite": None,
        "backend": None,
        "query": "",
        "reward_parts": {},
        "stop_reason": None,
        "wall_seconds": None,
        "error": None,
        "labels": {},
        **record,
    }
    if not isinstance(record["task_id"], (str, int)):
        raise TypeError("its task_id is no text")
    if made["stop_reason"] is not None:
        StopReason(made["stop_reason"])  # raises for one that nobody knows
    made["task_id"] = str(record["task_id"])
    made["query"] = str(made["query"] or "")
    made["attempt"] = int(record.get("attempt", 0))
    made["reward"] = _number(record.get("reward"))
    made["wall_seconds"] = _number(made["wall_seconds"])
    made["solved"] = bool(record.get("solved", (made["reward"] or 0) >= 1))
    for name in ("reward_parts", "labels"):
        made[name] = dict(made[name] or {})
    made["steps"] = [_step(step) for step in record["steps"]]
    return made


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    made = {
        "observation": None,
        "outcome": None,
        "exit_code": None,
        "valid": None,
        "truncated": False,
        **step,
    }
    made["action"] = str(step["action"])
    made["reward"] = _number(step.get("reward"))
    made["seconds"] = _number(step.get("seconds"))
    return made


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)
