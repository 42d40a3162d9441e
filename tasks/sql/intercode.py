"""InterCode's SQL data sets, from data that the user has.

A folder of data is a clone of the original repository, or one laid out like it:

    data/sql/spider/ic_spider_dev.json     1,034 tasks over 20 databases
    data/sql/spider/ic_spider_dbs.sql      those databases, as a MySQL dump
    data/sql/wikisql/ic_wikisql_dev.*      196 tasks over one database of 50 tables
    data/sql/bird/ic_bird.json             338 tasks over 3 databases
    data/sql/bird/ic_bird_dbs.sql          not in the original repository: the dump, or BIRD's own
    data/sql/bird/dev_databases/NAME/NAME.sqlite    release, is for the user to put here

Most golds of WikiSQL are no SQL (`WHERE School = Butler CC`): without compat, tasks whose gold
SQLite does not run are left out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from asynccode.databases import Database
from asynccode.errors import InputError, TaskDataError
from asynccode.interfaces import Suite
from asynccode.records import Task
from asynccode.tasks.intercode.loader import COMPAT, find_data
from asynccode.tasks.sql.dump import read_dump
from asynccode.tasks.sql.loader import no_base
from asynccode.tasks.sql.suite import SqlSuite

FILES = {
    "spider": ("ic_spider_dev.json", "ic_spider_dbs.sql"),
    "wikisql": ("ic_wikisql_dev.json", "ic_wikisql_dev.sql"),
    "bird": ("ic_bird.json", "ic_bird_dbs.sql"),
}


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    dialect: str = "native",
) -> Suite:
    """Load `intercode/spider`, `intercode/wikisql` or `intercode/bird`.

    Raises `InputError` for another name or mode, and `TaskDataError` if the data is not there.
    """
    kind = name.removeprefix("intercode/")
    if kind not in FILES:
        raise InputError(f"Of InterCode's SQL there are {', '.join(FILES)}, not {name!r}.")
    no_base(name, base)
    if compat is not None:
        return _compat(name, kind, compat, find_data(data))
    tasks = read_tasks(find_data(data), kind, dialect)
    if kind == "wikisql":
        tasks = tuple(runnable(tasks))
    return SqlSuite(tasks, name=name, dialect=dialect)


def _compat(name: str, kind: str, compat: str, folder: Path) -> Suite:
    """Load a data set with the original's semantics, which are MySQL's."""
    if compat not in COMPAT:
        raise InputError(f"There is no mode {compat!r}: use --compat intercode, or none for ours.")
    from asynccode.tasks.intercode.sql.suite import CompatSqlSuite

    return CompatSqlSuite(read_tasks(folder, kind, "mysql"), name=name)


def read_tasks(folder: Path, kind: str, dialect: str = "native") -> tuple[Task, ...]:
    """Read a data set's tasks, each with its database. Raises `TaskDataError`."""
    path = folder / "data" / "sql" / kind / FILES[kind][0]
    databases = read_databases(folder, kind)
    images = {
        key.lower(): Database(name=key, content=content, dialect=dialect)
        for key, content in databases.items()
    }
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_task(number, record, images, path) for number, record in enumerate(records))
    except OSError as error:
        raise TaskDataError(f"Cannot read the tasks {path}: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise TaskDataError(f"{path} is not a list of InterCode SQL tasks: {error!r}.") from error


def _task(
    number: int, record: Mapping[str, Any], images: Mapping[str, Database], path: Path
) -> Task:
    name = str(record["db"])
    if name.lower() not in images:
        raise TaskDataError(f"{path} asks for the database {name!r}, which is not beside it.")
    kept = {key: record[key] for key in ("db_tables", "evidence") if key in record}
    return Task(
        id=str(number),
        query=str(record["query"]),
        gold=(str(record["gold"]),),
        image=images[name.lower()],
        compare="rows",
        metadata={
            "database": name,
            "provenance": f"InterCode {path.name} #{number}",
            "difficulty": record.get("hardness", record.get("difficulty")),
            **kept,
        },
    )


def read_databases(folder: Path, kind: str) -> Mapping[str, bytes | Path]:
    """Give a data set's databases by name. Raises `TaskDataError`."""
    place = folder / "data" / "sql" / kind
    dump = place / FILES[kind][1]
    if dump.exists():
        return read_dump(dump)
    files = {path.stem: path for path in place.glob("*/*/*.sqlite")}
    if files:
        return files
    what = f"{dump.name}, or BIRD's own dev_databases" if kind == "bird" else dump.name
    raise TaskDataError(
        f"The databases of {kind} are not in {place}: put {what} there"
        f"{' (the original repository does not hold them)' if kind == 'bird' else ''}."
    )


def runnable(tasks: Iterable[Task]) -> Iterable[Task]:
    """Give the tasks whose gold is SQL that SQLite compiles."""
    open_now: dict[int, sqlite3.Connection] = {}
    try:
        for task in tasks:
            image = task.image
            assert isinstance(image, Database)
            connection = open_now.get(id(image))
            if connection is None:
                connection = open_now[id(image)] = sqlite3.connect(":memory:")
                assert isinstance(image.content, bytes)
                connection.deserialize(image.content)
            try:
                connection.execute(f"EXPLAIN {task.gold[0]}").close()
            except sqlite3.Error:
                continue
            yield task
    finally:
        for connection in open_now.values():
            connection.close()
