"""A session that is spoken to in MySQL, whatever the engine behind it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import anyio.to_thread
from attrs import evolve

from asynccode import registry
from asynccode.databases import Column, Database, DatabaseSession, ResultSet, Table
from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.cursor import first_word, unqualified
from asynccode.mysql.dialect import QUERIES, SHOWS, Dialect
from asynccode.mysql.engine_errors import translated
from asynccode.mysql.errors import MANY_ROWS
from asynccode.mysql.plan import Plan
from asynccode.mysql.types import Kind, declared
from asynccode.mysql.values import converted
from asynccode.outcomes import Outcome
from asynccode.rows import size

KEPT = 512
"""How many databases' catalogues are kept."""
_TYPES = {
    "citext": "varchar(255)",
    "text": "text",
    "integer": "int",
    "bigint": "bigint",
    "double precision": "double",
    "real": "float",
    "timestamp without time zone": "datetime",
    "character varying": "varchar(255)",
    "boolean": "tinyint(1)",
}
"""MySQL's names of PostgreSQL's types."""
ANSWERS, ANSWER_BYTES = 8192, 4096
"""How many answers to reading statements are kept, and how long each may be, in bytes: agents
and golds ask the same of the same databases, again and again."""
_answers: OrderedDict[tuple[str, str, str], ResultSet] = OrderedDict()
_catalogues: OrderedDict[tuple[str, str], Catalogue] = OrderedDict()


@lru_cache(maxsize=64)
def dialect(engine: str, schemas: frozenset[str]) -> Dialect:
    """Give the translator for an engine; all sessions of the process share it."""
    return Dialect(engine, schemas)


class MySQLSession(DatabaseSession):
    """Takes MySQL's statements and gives its values and its errors.

    On an engine that is a MySQL itself, statements and results pass as they are, but for what
    MariaDB tells otherwise: SHOW and DESCRIBE, and the texts of errors.
    """

    engine: ClassVar[str] = "mysql"

    def __init__(self, session: DatabaseSession, schemas: Sequence[str] = ()) -> None:
        """Wrap a session. `schemas` are databases that are said to be there beside it."""
        self._session = session
        self._dialect = dialect(session.engine, frozenset(name.lower() for name in schemas))
        self._catalogue: Catalogue | None = None
        self._full_group, self._schema, self._changed = True, "", False

    @property
    def database(self) -> Database:
        """What the database was when it was opened."""
        return self._session.database

    async def execute(self, statement: str, *, seconds: float | None = None) -> ResultSet:
        """Run one statement of MySQL; its error is MySQL's, with its text."""
        if self._session.engine == "mysql":
            return await self._as_it_is(statement, seconds)
        if "\0" in statement:
            return await self._session.execute(statement, seconds=seconds)  # it says why not
        catalogue = await self._current()
        plan = self._dialect.plan(statement, catalogue, full_group=self._full_group)
        if plan.error is not None:
            return ResultSet(outcome=Outcome.NONZERO, error=plan.error)
        if plan.setting is not None:
            return self._set(*plan.setting)
        if plan.answer is not None:
            return ResultSet(outcome=Outcome.OK, columns=plan.columns, rows=plan.answer)
        return await self._run(plan, seconds)

    async def _as_it_is(self, statement: str, seconds: float | None) -> ResultSet:
        """Run a statement on an engine that speaks MySQL; what there is is told as elsewhere."""
        word = first_word(statement)
        catalogue = await self._current()
        if word in SHOWS:
            plan = self._dialect.plan(statement, catalogue)
            if plan.answer is not None:
                return ResultSet(outcome=Outcome.OK, columns=plan.columns, rows=plan.answer)
        elif word not in QUERIES:
            self._catalogue, self._changed = None, True
        # The server calls the database otherwise.
        plain = unqualified(statement, catalogue.schema, catalogue.relations)
        result = await self._session.execute(plain, seconds=seconds)
        if result.outcome is Outcome.NONZERO and word in QUERIES:
            # MariaDB refuses the same in other words.
            plan = self._dialect.plan(statement, catalogue)
            if plan.error is not None:
                return evolve(result, error=plan.error)
        return result

    async def _run(self, plan: Plan, seconds: float | None) -> ResultSet:
        """Run what was translated; what was just asked of the same database is known."""
        assert plan.sql is not None
        if not plan.repeats or self._changed or self._schema:
            return await self._run_now(plan, seconds)
        key = self._session.engine, self.database.digest, plan.sql
        known = _answers.get(key)
        if known is not None:
            _answers.move_to_end(key)
            return known
        result = await self._run_now(plan, seconds)
        if result.outcome is Outcome.OK and size(result.rows) <= ANSWER_BYTES:
            _answers[key] = result
            while len(_answers) > ANSWERS:
                _answers.popitem(last=False)
        return result

    async def _run_now(self, plan: Plan, seconds: float | None) -> ResultSet:
        assert plan.sql is not None
        for counting in plan.single:
            counted = await self._session.execute(counting, seconds=seconds)
            if counted.error is None and counted.rows and counted.rows[0][0] > 1:
                return ResultSet(outcome=Outcome.NONZERO, error=MANY_ROWS)
        result = await self._session.execute(plan.sql, seconds=seconds)
        if plan.writes:
            self._catalogue, self._changed = None, True
            result = evolve(result, columns=None, rows=())
        if result.error is not None and result.columns is None:
            return evolve(result, error=translated(result.error, result.error_code))
        if plan.types is None:
            return result
        return evolve(result, columns=plan.columns, rows=converted(result.rows, plan.types))

    def _set(self, name: str, value: str) -> ResultSet:
        if name == "schema":
            self._schema, self._catalogue = value, None
        elif name == "full_group":
            self._full_group = bool(value)
        return ResultSet(outcome=Outcome.OK)

    async def catalogue(self) -> Sequence[Table]:
        """Give the tables and views as they are now."""
        return await self._session.catalogue()

    async def _current(self) -> Catalogue:
        """Give the database as names see it, kept for all sessions until one writes."""
        if self._catalogue is not None:
            return self._catalogue
        database = self.database
        name = self._schema or database.name.lower()
        if name != database.name.lower():
            found = Catalogue.of(name, ())
        elif self._changed:
            tables = await self._session.catalogue()
            if self._session.engine != "sqlite":
                tables = as_declared(tables, await self._declared())
            found = Catalogue.of(name, tables, _lowered(_every(tables)))
        else:
            key = self._session.engine, database.digest
            kept = _catalogues.get(key)
            if kept is None:
                tables = await self._declared()
                kept = Catalogue.of(name, tables, await self._folded(tables))
                _catalogues[key] = kept
                while len(_catalogues) > KEPT:
                    _catalogues.popitem(last=False)
            found = kept
        self._catalogue = found
        return found

    async def _declared(self) -> Sequence[Table]:
        """Give the tables of the beginning as they were declared, whatever the engine."""
        if self._session.engine == "sqlite":
            return await self._session.catalogue()
        read = registry.resolve(registry.DECLARED)
        tables: Sequence[Table] = await anyio.to_thread.run_sync(read, self.database)
        return tables

    async def _folded(self, tables: Sequence[Table]) -> dict[str, frozenset[str]]:
        """Find the columns with letters beyond ASCII or spaces at the end."""
        if self._session.engine == "mysql":  # it compares them as MySQL does by itself
            return {}
        found: dict[str, frozenset[str]] = {}
        texts = _every(tables)
        for table in tables:
            names = sorted(texts[table.name.lower()])
            if names:
                result = await self._session.execute(self._dialect.unusual(table.name, names))
                marks = result.rows[0] if result.rows else (1,) * len(names)
                found[table.name.lower()] = frozenset(
                    name.lower() for name, mark in zip(names, marks, strict=True) if mark
                )
        return found

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.aclose()


def as_declared(tables: Sequence[Table], declared: Sequence[Table]) -> list[Table]:
    """Give an engine's tables, those that are as they began as they were declared."""
    known = {table.name.lower(): table for table in declared}
    found = []
    for table in tables:
        was = known.get(table.name.lower())
        names = [column.name.lower() for column in table.columns]
        same = was is not None and [column.name.lower() for column in was.columns] == names
        found.append(was if was is not None and same else evolve(table, columns=_ours(table)))
    return found


def _ours(table: Table) -> tuple[Column, ...]:
    """Give columns with MySQL's names of an engine's types."""
    return tuple(
        evolve(column, type=_TYPES.get(column.type.partition("(")[0].rstrip(), column.type))
        for column in table.columns
    )


def _every(tables: Sequence[Table]) -> dict[str, frozenset[str]]:
    """Give all columns of texts, by table."""
    return {
        table.name.lower(): frozenset(
            column.name for column in table.columns if declared(column.type).kind is Kind.TEXT
        )
        for table in tables
    }


def _lowered(columns: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    return {table: frozenset(name.lower() for name in names) for table, names in columns.items()}
