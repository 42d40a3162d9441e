"""A prepared database, loaded into PostgreSQL from the bytes of an SQLite file.

Names are lower case, as PostgreSQL reads them. A column gets the type that it was declared with
if all its values are of it, else text. A foreign key that the data break is left out.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from attrs import frozen

from asynccode.backends.litedb.catalogue import quoted, read_catalogue
from asynccode.databases import Column, Database, Table
from asynccode.rows import Row

_BIG = 1 << 31


@frozen(kw_only=True)
class Loaded:
    """One table, ready for the server."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """Names and PostgreSQL's types."""
    rows: Sequence[Row]
    primary_key: tuple[str, ...]
    automatic: str | None
    """The column that counts itself up."""
    not_null: frozenset[str]
    indexes: tuple[tuple[bool, tuple[str, ...]], ...]
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]
    view: str | None = None
    """A view's own text."""


def read(database: Database) -> list[Loaded]:
    """Read an SQLite file (blocks). Raises `sqlite3.Error` and `OSError`."""
    if isinstance(database.content, Path):
        uri = f"{database.content.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True)
    else:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(database.content)
    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace").replace("\0", "")
        tables = read_catalogue(lambda query: connection.execute(query).fetchall())
        return [_table(connection, table, database.dialect) for table in tables]
    finally:
        connection.close()


def _table(connection: sqlite3.Connection, table: Table, dialect: str) -> Loaded:
    name = quoted(table.name)
    view = None
    rows: list[Row] = []
    if table.is_view:
        query = "SELECT sql FROM sqlite_master WHERE name = ?"
        ((text,),) = connection.execute(query, (table.name,)).fetchall()
        view = re.sub(r"^.*?\bAS\b", "", text, count=1, flags=re.IGNORECASE | re.DOTALL)
    else:
        rows = connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 (quoted)
    kinds, values = [], []
    for index, column in enumerate(table.columns):
        kind, converted = _converted(column, [row[index] for row in rows])
        if dialect == "mysql" and kind.startswith(("text", "varchar", "char")):
            kind = "citext"
        kinds.append((column.name.lower(), kind))
        values.append(converted)
    indexes = []
    for _, index, unique, origin, *_ in connection.execute(f"PRAGMA index_list({name})").fetchall():
        found = [row[2] for row in connection.execute(f"PRAGMA index_info({quoted(index)})")]
        if origin != "pk" and None not in found:
            indexes.append((bool(unique), tuple(column.lower() for column in found)))
    return Loaded(
        name=table.name.lower(),
        columns=tuple(kinds),
        rows=list(zip(*values, strict=True)) if values else [],
        primary_key=tuple(column.lower() for column in table.primary_key),
        automatic=next((c.name.lower() for c in table.columns if c.auto), None),
        not_null=frozenset(c.name.lower() for c in table.columns if not c.nullable),
        indexes=tuple(indexes),
        foreign_keys=tuple(
            (
                tuple(column.lower() for column in key.columns),
                key.table.lower(),
                tuple(column.lower() for column in key.references),
            )
            for key in table.foreign_keys
        ),
        view=view,
    )


def _converted(column: Column, values: list[Any]) -> tuple[str, list[Any]]:
    """Give PostgreSQL's type for a column and its values in Python's type for it."""
    declared = column.type.lower()
    present = [value for value in values if value is not None]
    for kind, parts, convert in _KINDS:
        if any(part in declared for part in parts):
            try:
                converted = [None if value is None else convert(value) for value in values]
            except (ValueError, TypeError, InvalidOperation):
                break
            if kind == "integer" and any(abs(value) >= _BIG for value in converted if value):
                kind = "bigint"
            if kind == "numeric" and (size := re.search(r"\(\s*\d+\s*,\s*\d+\s*\)", declared)):
                kind += size[0]
            return kind, converted
    if "blob" in declared and all(isinstance(value, bytes) for value in present):
        return "bytea", values
    size = re.fullmatch(r"(?:var)?char(?:acter)?\s*\((\d+)\)", declared)
    texts = [None if value is None else _text(value) for value in values]
    if size and all(len(text) <= int(size[1]) for text in texts if text is not None):
        return f"varchar({size[1]})", texts
    return "text", texts


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or abs(value) >= 1 << 63:
        raise ValueError(value)
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str | bytes):
        raise TypeError(value)
    return float(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bytes):
        raise TypeError(value)
    return Decimal(str(value))


_KINDS: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    ("integer", ("int", "serial"), _integer),
    ("double precision", ("real", "floa", "doub"), _number),
    ("numeric", ("decimal", "numeric"), _decimal),
    ("timestamp", ("datetime", "timestamp"), dt.datetime.fromisoformat),
    ("date", ("date",), dt.date.fromisoformat),
)
