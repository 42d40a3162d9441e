"""Tables, columns and keys of a PostgreSQL database, and what its tables hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from asynccode.backends.pgdb.names import quoted
from asynccode.databases import Column, ForeignKey, Table, TableState
from asynccode.rows import ROWS

_TABLES = """
SELECT c.oid, c.relname, c.relkind IN ('v', 'm') FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid
"""
_COLUMNS = """
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '' OR
       coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY($1) ORDER BY a.attrelid, a.attnum
"""
_INDEXES = """
SELECT i.indrelid, i.indisprimary, i.indisunique,
  ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey::int[]) WITH ORDINALITY k(n, o)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o)
FROM pg_index i WHERE i.indrelid = ANY($1) ORDER BY i.indexrelid
"""
_KEYS = """
SELECT k.conrelid, t.relname,
  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, o)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o)
FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND k.conrelid = ANY($1) ORDER BY k.oid
"""


async def read_catalogue(connection: asyncpg.Connection) -> tuple[Table, ...]:
    """Give all tables and views of the schema `public`."""
    tables = await connection.fetch(_TABLES)
    oids = [oid for oid, *_ in tables]
    columns = await connection.fetch(_COLUMNS, oids)
    indexes = await connection.fetch(_INDEXES, oids)
    keys = await connection.fetch(_KEYS, oids)
    made = []
    for oid, name, is_view in tables:
        mine = [row for row in indexes if row[0] == oid]
        primary = next((tuple(row[3]) for row in mine if row[1]), ())
        unique = {row[3][0] for row in mine if row[2] and not row[1] and len(row[3]) == 1}
        begins = {row[3][0] for row in mine}
        made.append(
            Table(
                name=name,
                columns=tuple(
                    Column(
                        name=column,
                        type=kind,
                        nullable=nullable,
                        key="PRI"
                        if column in primary
                        else "UNI"
                        if column in unique
                        else "MUL"
                        if column in begins
                        else "",
                        default=default,
                        auto=auto,
                    )
                    for of, column, kind, nullable, default, auto in columns
                    if of == oid
                ),
                primary_key=primary,
                foreign_keys=tuple(
                    ForeignKey(columns=tuple(row[2]), table=row[1], references=tuple(row[3]))
                    for row in keys
                    if row[0] == oid
                ),
                is_view=is_view,
            )
        )
    return tuple(made)


@asynccontextmanager
async def _protected(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Keep an error from breaking the transaction that there may be."""
    if not connection.is_in_transaction():
        yield
        return
    await connection.execute("SAVEPOINT asynccode_look")
    try:
        yield
    finally:
        await connection.execute("ROLLBACK TO SAVEPOINT asynccode_look")


async def read_state(connection: asyncpg.Connection) -> dict[str, TableState]:
    """Give what every table and view holds."""
    try:
        await connection.execute("SELECT 1")
    except asyncpg.InFailedSQLTransactionError:
        await connection.execute("ROLLBACK")  # it can come to nothing else
    tables = await connection.fetch(_TABLES)
    oids = [oid for oid, *_ in tables]
    columns = await connection.fetch(_COLUMNS, oids)
    indexes = await connection.fetch(_INDEXES, oids)
    found = {}
    for oid, name, is_view in tables:
        rows = None
        try:
            everything = f"SELECT * FROM public.{quoted(name)} LIMIT {ROWS + 1}"  # noqa: S608
            async with _protected(connection):
                rows = [tuple(record) for record in await connection.fetch(everything)]
        except (asyncpg.PostgresError, ValueError, OverflowError):
            pass  # a view that cannot be read, or a value that cannot be told
        found[name] = TableState(
            columns=tuple((row[1], row[2]) for row in columns if row[0] == oid),
            rows=rows if rows is not None and len(rows) <= ROWS else None,
            indexes=frozenset(
                (row[2], tuple(row[3])) for row in indexes if row[0] == oid and not row[1]
            ),
            is_view=is_view,
        )
    return found
