"""`information_schema`: what there is, as tables that can be asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from asynccode.databases import Column, Table
from asynccode.mysql.catalogue import Catalogue, Relation
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.furnish import furnish
from asynccode.mysql.show import SYSTEM, declared_type, row
from asynccode.mysql.types import Kind

NAME = "information_schema"
SECONDS = 2.0
"""How long a query of it may take; it runs where statements are translated."""
MOST_BYTES = 1 << 20
"""How long a text may become in one."""
_STEPS = 10_000
_TABLES: Mapping[str, str] = {
    "schemata": "CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME",
    "tables": "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION:int TABLE_ROWS:int "
    "TABLE_COLLATION TABLE_COMMENT",
    "columns": "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:int "
    "COLUMN_DEFAULT IS_NULLABLE DATA_TYPE CHARACTER_MAXIMUM_LENGTH:int COLUMN_TYPE COLUMN_KEY "
    "EXTRA COLUMN_COMMENT",
    "key_column_usage": "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA "
    "TABLE_NAME COLUMN_NAME ORDINAL_POSITION:int REFERENCED_TABLE_SCHEMA REFERENCED_TABLE_NAME "
    "REFERENCED_COLUMN_NAME",
    "table_constraints": "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA "
    "TABLE_NAME CONSTRAINT_TYPE",
}


def _tables() -> list[Table]:
    found = []
    for name, text in _TABLES.items():
        columns = []
        for word in text.split():
            column, _, kind = word.partition(":")
            columns.append(Column(name=column, type=kind or "varchar(64)"))
        found.append(Table(name=name.upper(), columns=columns))
    return found


CATALOGUE = Catalogue.of(NAME, _tables())
"""Its tables, as names see them."""


def ask(sql: str, catalogue: Catalogue, schemas: Iterable[str]) -> list[tuple[Any, ...]]:
    """Run a translated query over what a catalogue holds. Raises `MySQLError`."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        furnish(connection)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        for name, rows in _content(catalogue, schemas).items():
            relation = CATALOGUE.relations[name]
            names = ", ".join(f'"{c.name}" {c.type} COLLATE NOCASE' for c in relation.columns)
            connection.execute(f'CREATE TABLE "{relation.name}" ({names})')
            marks = ", ".join("?" * len(relation.columns))
            connection.executemany(f'INSERT INTO "{relation.name}" VALUES ({marks})', rows)  # noqa: S608
        until = monotonic() + SECONDS
        connection.set_progress_handler(lambda: monotonic() > until, _STEPS)
        return connection.execute(sql).fetchmany(MOST_BYTES // 100)
    except sqlite3.Error as error:
        raise MySQLError(f"The query of {NAME} failed: {error}") from error
    finally:
        connection.close()


def _content(
    catalogue: Catalogue, schemas: Iterable[str]
) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    schema = catalogue.schema
    names = sorted({schema, *schemas, *SYSTEM})
    relations = [catalogue.relations[name] for name in sorted(catalogue.relations)]
    return {
        "schemata": [("def", name, "utf8mb4", "utf8mb4_general_ci") for name in names],
        "tables": [
            ("def", schema, r.name, "VIEW" if r.table.is_view else "BASE TABLE", "InnoDB", 10,
             None, "utf8mb4_general_ci", "")
            for r in relations
        ],
        "columns": [found for relation in relations for found in _columns(schema, relation)],
        "key_column_usage": [found for r in relations for found in _keys(schema, r)],
        "table_constraints": [
            ("def", schema, "PRIMARY", schema, r.name, "PRIMARY KEY")
            for r in relations
            if r.primary
        ],
    }  # fmt: skip


def _columns(schema: str, relation: Relation) -> Iterable[tuple[Any, ...]]:
    for place, (column, type_) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        name, whole, null, key, default, extra = row(column)
        kind, _, size = declared_type(column).partition("(")
        length = size.rstrip(")") if type_.kind is Kind.TEXT else ""
        yield (
            *("def", schema, relation.name, name, place, default, null, kind),
            *(int(length) if length.isdigit() else None, whole, key, extra, ""),
        )


def _keys(schema: str, relation: Relation) -> Iterable[tuple[Any, ...]]:
    for place, name in enumerate(relation.primary, 1):
        yield ("def", schema, "PRIMARY", schema, relation.name, name, place, None, None, None)
    for number, key in enumerate(relation.table.foreign_keys, 1):
        pairs = zip(key.columns, key.references, strict=False)
        for place, (ours, theirs) in enumerate(pairs, 1):
            constraint = f"{relation.name}_ibfk_{number}"
            yield (
                *("def", schema, constraint, schema, relation.name, ours, place),
                *(schema, key.table, theirs),
            )
