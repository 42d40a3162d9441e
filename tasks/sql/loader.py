"""The suite `sql`: databases and tasks of our own.

They lie in `data/sql`, one folder per database:

    database.sql   what it holds, as SQL that SQLite runs
    tasks.json     {"about", "provenance", "tasks": [{"id", "query", "gold", "difficulty",
                   "forbidden", "ignore", "ordered"}]}, the last three optional

`--data DIR` names another folder laid out like this.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from asynccode.databases import Database
from asynccode.errors import InputError, TaskDataError
from asynccode.records import Task
from asynccode.tasks.sql.dump import without_version
from asynccode.tasks.sql.suite import SqlSuite

DATA = Path(__file__).parent.parent / "data" / "sql"
_OPTIONAL = ("forbidden", "ignore", "ordered")


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    dialect: str = "native",
) -> SqlSuite:
    """Load the suite `sql`; `data` is a folder like `data/sql`.

    Raises `InputError` if `compat` or `base` is asked for, `TaskDataError` if the data cannot
    be used.
    """
    if compat is not None:
        raise InputError(
            f"The suite {name!r} has no mode {compat!r}: leave out --compat, or name "
            "intercode/spider."
        )
    no_base(name, base)
    return SqlSuite(read_tasks(data or DATA, dialect), name=name, dialect=dialect)


def no_base(name: str, base: str | None) -> None:
    """Refuse `--base`. Raises `InputError`."""
    if base is not None:
        raise InputError(f"The suite {name!r} starts from databases: leave out --base.")


def read_tasks(folder: Path, dialect: str = "native") -> tuple[Task, ...]:
    """Read all tasks below `folder`. Raises `TaskDataError`."""
    files = sorted(folder.glob("*/tasks.json"))
    if not files:
        raise TaskDataError(
            f"There are no SQL tasks in {folder}: it needs folders with tasks.json and "
            "database.sql, or leave out --data for the tasks that come with asynccode."
        )
    tasks = tuple(task for file in files for task in _read(file, dialect))
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise TaskDataError(f"Two tasks in {folder} have the id {task.id!r}; rename one.")
        seen.add(task.id)
    return tasks


def _read(file: Path, dialect: str) -> Iterator[Task]:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        name = file.parent.name
        content = build(file.with_name("database.sql").read_text(encoding="utf-8"))
        image = Database(name=name, content=content, dialect=dialect)
        for item in raw["tasks"]:
            if not item["gold"] or isinstance(item["gold"], str):
                raise TaskDataError(f"Task {item['id']!r} in {file}: gold is a list of actions.")
            yield Task(
                id=item["id"],
                query=item["query"],
                gold=item["gold"],
                image=image,
                compare="rows",
                metadata={
                    "database": name,
                    "provenance": raw["provenance"],
                    "difficulty": item["difficulty"],
                    **{key: item[key] for key in _OPTIONAL if key in item},
                },
            )
    except (OSError, ValueError, LookupError, TypeError, sqlite3.Error) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TaskDataError(f"Cannot read the tasks in {file}: {what}.") from error


def build(script: str) -> bytes:
    """Give the SQLite file that a script makes, the same whichever SQLite runs it.

    Raises `sqlite3.Error`.
    """
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        connection.commit()
        connection.execute("VACUUM")
        return without_version(connection.serialize())
    finally:
        connection.close()
