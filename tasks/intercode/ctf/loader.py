"""Reads the tasks and their files.

    data/ctf/ic_ctf.json            the tasks: query, gold (a flag), perhaps set-up commands
    data/ctf/task_assets/ID/...     what lies in the task's folder; `solution` never goes along

A folder of data may lack all files; then only tasks that need none can be played.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asynccode.errors import InputError, TaskDataError
from asynccode.images import Image
from asynccode.interfaces import Suite
from asynccode.records import Task
from asynccode.tasks.intercode.loader import COMPAT, find_data

ASSETS = "data/ctf/task_assets"
BASE = "debian-12-ctf"
"""The base that holds the programs of the original's image; with our semantics it is the host."""
FOLDER = "/ctf"
"""Where the original has a folder for each task; with our semantics it holds one task's files."""
WITHOUT_FILES = frozenset({"5", "17", "18", "19", "22", "40", "90"})
"""Tasks whose query holds all that they need: they can be played without any files."""


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    guesses: int | None = None,
) -> Suite:
    """Load `intercode/ctf`, with the original's semantics or (`compat=None`) with ours.

    The original limits no guesses. Raises `InputError` for another mode, or for `guesses` in
    the original's, and `TaskDataError` if the tasks are not there; their files may be missing.
    """
    if compat is not None and compat not in COMPAT:
        raise InputError(f"There is no mode {compat!r}: use --compat intercode, or none for ours.")
    if compat is not None and guesses is not None:
        raise InputError("The original limits no guesses: leave out --guesses or --compat.")
    folder = find_data(data)
    image = Image(base=base or ("host" if compat is None else BASE), workdir=FOLDER)
    tasks = read_tasks(folder / "data/ctf/ic_ctf.json", image)
    assets = Assets(folder)
    if compat is not None:
        from asynccode.tasks.intercode.ctf.compat import CompatCtfSuite

        return CompatCtfSuite(tasks, assets, name=name)
    from asynccode.tasks.intercode.ctf.suite import InterCodeCtfSuite

    return InterCodeCtfSuite(tasks, assets, name=name, guesses=guesses)


def read_tasks(path: Path, image: Image) -> tuple[Task, ...]:
    """Read the tasks. Raises `TaskDataError`."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_task(record, image, path) for record in records)
    except OSError as error:
        raise TaskDataError(f"Cannot read the tasks {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TaskDataError(f"{path} is not a list of InterCode CTF tasks: {error!r}.") from error


def _task(record: Mapping[str, Any], image: Image, path: Path) -> Task:
    name = str(record["task_id"])
    setup = record.get("setup")
    return Task(
        id=name,
        query=str(record["query"]),
        gold=(f"submit {record['gold']}",),
        image=image,
        compare="exact",
        metadata={
            "flag": str(record["gold"]),
            "setup": tuple([setup] if isinstance(setup, str) else setup or ()),
            "category": ", ".join(record.get("tags", ())),
            "difficulty": None,
            "provenance": f"InterCode {path.name} #{name}, {record.get('source')}",
        },
    )


class Assets:
    """The files that tasks come with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / ASSETS

    def missing(self, task: Task) -> str | None:
        """Say in a sentence what a task lacks; None if it lacks nothing that can be told."""
        if task.id in WITHOUT_FILES or (self.folder / task.id).is_dir():
            return None
        return (
            f"Task {task.id!r} of InterCode's CTF cannot be played: its files (the folder "
            f"{task.id}) are not in {self.folder}; clone princeton-nlp/intercode and name the "
            "clone with --data DIR or $ASYNCCODE_DATA."
        )

    def names(self, task: Task) -> Iterator[str]:
        """Give a task's files, by their paths in its folder."""
        place = self.folder / task.id
        for path in sorted(place.rglob("*")):
            name = path.relative_to(place)
            if path.is_file() and "solution" not in name.parts[:-1]:
                yield str(name)

    def read(self, task: Task, name: str) -> bytes:
        """Give a file. Raises `TaskDataError`."""
        try:
            return (self.folder / task.id / name).read_bytes()
        except OSError as error:
            raise TaskDataError(f"Cannot read {error.filename}: {error.strerror}.") from error

    def files(self, task: Task) -> dict[str, bytes]:
        """Give all files of a task. Raises `TaskDataError` if they are missing."""
        if (said := self.missing(task)) is not None:
            raise TaskDataError(said)
        return {name: self.read(task, name) for name in self.names(task)}

    def modes(self, task: Task) -> dict[str, int]:
        """Give the permission bits of a task's files."""
        return {
            name: (self.folder / task.id / name).stat().st_mode & 0o777 for name in self.names(task)
        }


def setup_of(task: Task, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Give a task's set-up commands, without downloads of files that are there already."""
    return tuple(
        command
        for command in task.metadata["setup"]
        if not (command.startswith("wget ") and command.rpartition("/")[2] in files)
    )
