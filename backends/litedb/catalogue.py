"""Tables, columns and keys of an SQLite database, from its own pragmas."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from asynccode.backends.litedb.connections import Opened
from asynccode.databases import Column, Database, ForeignKey, Table, TableState
from asynccode.errors import ImageError
from asynccode.rows import ROWS, Row

Ask = Callable[[str], Sequence[Row]]
_OBJECTS = r"""
SELECT name, type, sql FROM main.sqlite_master
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY rowid
"""


def quoted(name: str) -> str:
    """Give a name as SQL writes any name."""
    return '"' + name.replace('"', '""') + '"'


def read_catalogue(ask: Ask) -> tuple[Table, ...]:
    """Give all tables and views."""
    return tuple(_table(ask, name, kind, sql or "") for name, kind, sql in ask(_OBJECTS))


def declared(database: Database) -> tuple[Table, ...]:
    """Give a database's tables as its file declares them (blocks). Raises `ImageError`."""
    content = database.content
    uri = f"{content.resolve().as_uri()}?mode=ro&immutable=1" if isinstance(content, Path) else ""
    try:
        connection = sqlite3.connect(uri or ":memory:", uri=bool(uri))
        try:
            if isinstance(content, bytes):
                connection.deserialize(content)
            return read_catalogue(lambda query: connection.execute(query).fetchall())
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise ImageError(f"Cannot open the database {database.name!r}: {error}.") from error


def _table(ask: Ask, name: str, kind: str, sql: str) -> Table:
    rows = ask(f"PRAGMA main.table_xinfo({quoted(name)})")
    # cid, name, type, notnull, dflt_value, pk, hidden
    key = [row[1] for row in sorted((r for r in rows if r[5]), key=lambda r: r[5])]
    unique, indexed = _indexed(ask, name)
    auto = re.search(r"\bautoincrement\b", sql, re.IGNORECASE) is not None
    columns = []
    for _, column, declared, notnull, default, position, hidden in rows:
        if hidden == 1:
            continue
        how = "PRI" if position else "UNI" if column in unique else ""
        how = how or ("MUL" if column in indexed else "")
        columns.append(
            Column(
                name=column,
                # The standard types come back in capitals since 3.37, whoever wrote them how.
                type=declared.lower() if declared.isupper() else declared,
                nullable=not notnull and not position,
                key=how,
                default=default,
                auto=auto and bool(position),
            )
        )
    return Table(
        name=name,
        columns=tuple(columns),
        primary_key=tuple(key),
        foreign_keys=_foreign_keys(ask, name),
        is_view=kind == "view",
    )


def _indexed(ask: Ask, name: str) -> tuple[set[str], set[str]]:
    """Give the columns that are unique alone, and those that begin an index."""
    unique: set[str] = set()
    indexed: set[str] = set()
    for _, index, is_unique, *_ in ask(f"PRAGMA main.index_list({quoted(name)})"):
        columns = [row[2] for row in ask(f"PRAGMA main.index_info({quoted(index)})")]
        if not columns or columns[0] is None:
            continue  # an index on an expression
        (unique if is_unique and len(columns) == 1 else indexed).add(columns[0])
    return unique, indexed


def _foreign_keys(ask: Ask, name: str) -> tuple[ForeignKey, ...]:
    found: dict[int, list[Row]] = {}
    for row in ask(f"PRAGMA main.foreign_key_list({quoted(name)})"):
        found.setdefault(row[0], []).append(row)
    keys = []
    for number in sorted(found, reverse=True):  # SQLite lists the last first
        rows = sorted(found[number], key=lambda row: row[1])
        keys.append(
            ForeignKey(
                columns=tuple(row[3] for row in rows),
                table=rows[0][2],
                references=tuple(row[4] or row[3] for row in rows),
            )
        )
    return tuple(keys)


def read_state(opened: Opened) -> dict[str, TableState]:
    """Give what every table and view holds."""
    found = {}
    ask = opened.ask
    for name, kind, _ in ask(_OBJECTS):
        columns = ask(f"PRAGMA main.table_xinfo({quoted(name)})")
        found[name] = TableState(
            columns=tuple((row[1], row[2].lower()) for row in columns if row[6] != 1),
            rows=_rows(opened, name),
            indexes=frozenset(_indexes(ask, name)),
            is_view=kind == "view",
        )
    return found


def _rows(opened: Opened, name: str) -> list[Row] | None:
    # As the agent, not as us: a view is a statement of the agent's.
    opened.guard.begin()
    connection = opened.connection
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        everything = f"SELECT * FROM main.{quoted(name)}"  # noqa: S608 (quoted)
        rows = connection.execute(everything).fetchmany(ROWS + 1)
    except sqlite3.Error:
        return None
    finally:
        connection.text_factory = str
    return rows if len(rows) <= ROWS else None


def _indexes(ask: Ask, name: str) -> Iterator[tuple[bool, tuple[str, ...]]]:
    for _, index, is_unique, origin, *_ in ask(f"PRAGMA main.index_list({quoted(name)})"):
        if origin != "pk":
            columns = ask(f"PRAGMA main.index_info({quoted(index)})")
            yield bool(is_unique), tuple(row[2] or "" for row in columns)
