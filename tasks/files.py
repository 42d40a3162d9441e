"""Suites of our own as folders of `tasks.json`: what reading them has in common."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve

from asynccode.errors import InputError, TaskDataError
from asynccode.records import Task


def task_files(folder: Path, kind: str, needs: str) -> list[Path]:
    """Give the files of tasks below `folder`. Raises `TaskDataError` if there are none.

    `kind` is what the tasks are, `needs` what a folder of them must hold.
    """
    files = sorted(folder.glob("*/tasks.json"))
    if not files:
        raise TaskDataError(
            f"There are no {kind} tasks in {folder}: it needs folders with {needs}, or leave out"
            " --data for the tasks that come with asynccode."
        )
    return files


@contextmanager
def reading(file: Path) -> Iterator[Mapping[str, Any]]:
    """Read a file of tasks; whatever is wrong with it in the block is a `TaskDataError`."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        for item in raw["tasks"]:
            if not item["gold"] or isinstance(item["gold"], str):
                raise TaskDataError(f"Task {item['id']!r} in {file}: gold is a list of actions.")
        yield raw
    except (OSError, ValueError, LookupError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TaskDataError(f"Cannot read the tasks in {file}: {what}.") from error
    except TaskDataError:
        raise
    except InputError as error:
        raise TaskDataError(f"Cannot use the tasks in {file}: {error}") from error


def check_ids(tasks: Sequence[Task], folder: Path) -> None:
    """Raise `TaskDataError` if two tasks have the same id."""
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise TaskDataError(f"Two tasks in {folder} have the id {task.id!r}; rename one.")
        seen.add(task.id)


def in_one(task: Task) -> Task:
    """Give a task whose gold of several actions is a single one."""
    gold: Any = ("\n".join(task.gold),)
    return evolve(task, gold=gold)
