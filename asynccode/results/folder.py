"""Reads run folders for tables and pages: of any version, cut at any byte.

What cannot be read is left out and said, never raised; `asynccode.runfolder` is the strict
reader, for a run that goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asynccode.errors import TaskDataError
from asynccode.runfolder import EPISODES, MANIFEST, UNFINISHED, read_manifest

Note = Callable[[str], None]
"""Is told what is left out, in a sentence each time."""


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
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    note(f"{file}: the last line was cut off; its episode is left out.")
                    continue
                try:
                    episode = whole(json.loads(line))
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    note(f"{file}: line {number} is no episode and is left out ({error!r:.200}).")
                    continue
                key = episode["task_id"], episode["attempt"]
                if key in seen:
                    note(f"{file}: line {number} is task {key[0]!r}, attempt {key[1]} again.")
                    continue
                seen.add(key)
                yield episode
    except OSError as error:
        note(f"{file} could not be read: {error.strerror}.")


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
    made["task_id"] = str(record["task_id"])
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
    return None if value is None else float(value)
