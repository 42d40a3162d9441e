"""Tables, columns and keys of a MySQL database, and what its tables hold."""

from __future__ import annotations

from collections import defaultdict

import aiomysql
import pymysql

from asynccode.backends.mydb.server import quoted
from asynccode.backends.mydb.statements import ask
from asynccode.databases import Column, ForeignKey, Table, TableState
from asynccode.rows import ROWS

_HERE = "table_schema = database()"
_TABLES = f"""SELECT table_name, table_type = 'VIEW' FROM information_schema.tables
WHERE {_HERE} ORDER BY create_time, table_name"""  # noqa: S608
_COLUMNS = f"""SELECT table_name, column_name, column_type, is_nullable = 'YES', column_key,
column_default, extra LIKE '%auto_increment%' FROM information_schema.columns
WHERE {_HERE} ORDER BY table_name, ordinal_position"""  # noqa: S608
_INDEXES = f"""SELECT table_name, index_name, non_unique = 0, column_name
FROM information_schema.statistics WHERE {_HERE}
ORDER BY table_name, index_name, seq_in_index"""  # noqa: S608
_KEYS = f"""SELECT table_name, constraint_name, column_name, referenced_table_name,
referenced_column_name FROM information_schema.key_column_usage
WHERE {_HERE} AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position"""  # noqa: S608


async def read_catalogue(connection: aiomysql.Connection) -> tuple[Table, ...]:
    """Give all tables and views of the database in use."""
    columns = await ask(connection, _COLUMNS)
    indexes = await ask(connection, _INDEXES)
    keys: defaultdict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for table, name, column, other, theirs in await ask(connection, _KEYS):
        keys[table, name].append((column, other, theirs))
    return tuple(
        Table(
            name=name,
            columns=tuple(
                Column(
                    name=column,
                    type=kind,
                    nullable=bool(nullable),
                    key=key or "",
                    default=None if default is None else str(default),
                    auto=bool(auto),
                )
                for of, column, kind, nullable, key, default, auto in columns
                if of == name
            ),
            primary_key=tuple(row[3] for row in indexes if row[0] == name and row[1] == "PRIMARY"),
            foreign_keys=tuple(
                ForeignKey(
                    columns=tuple(column for column, _, _ in found),
                    table=found[0][1],
                    references=tuple(theirs for _, _, theirs in found),
                )
                for (of, _), found in keys.items()
                if of == name
            ),
            is_view=bool(is_view),
        )
        for name, is_view in await ask(connection, _TABLES)
    )


async def read_state(connection: aiomysql.Connection) -> dict[str, TableState]:
    """Give what every table and view holds."""
    columns = await ask(connection, _COLUMNS)
    indexes: defaultdict[tuple[str, str], list[tuple[bool, str]]] = defaultdict(list)
    for table, name, unique, column in await ask(connection, _INDEXES):
        if name != "PRIMARY":
            indexes[table, name].append((bool(unique), column))
    found = {}
    for name, is_view in await ask(connection, _TABLES):
        everything = f"SELECT * FROM {quoted(name)} LIMIT {ROWS + 1}"  # noqa: S608 (quoted)
        try:
            rows = await ask(connection, everything)
        except (pymysql.Error, ValueError):
            rows = None
        found[name] = TableState(
            columns=tuple((row[1], row[2]) for row in columns if row[0] == name),
            rows=rows if rows is not None and len(rows) <= ROWS else None,
            indexes=frozenset(
                (parts[0][0], tuple(column for _, column in parts))
                for (of, _), parts in indexes.items()
                if of == name
            ),
            is_view=bool(is_view),
        )
    return found
