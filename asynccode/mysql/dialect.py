"""From a statement of MySQL to what an engine is to do for it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from asynccode.mysql import information
from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.nodes import Table
from asynccode.mysql.parser import Parser
from asynccode.mysql.plan import Plan
from asynccode.mysql.postgres import Postgres
from asynccode.mysql.precheck import nodes_of, precheck
from asynccode.mysql.queries import Generator
from asynccode.mysql.resolve import Resolver
from asynccode.mysql.scope import Scope
from asynccode.mysql.show import Show
from asynccode.mysql.sqlite import Sqlite
from asynccode.mysql.statements import other
from asynccode.mysql.values import converted

KEPT = 20_000
"""How many translations are kept."""
_CHANGING = re.compile(
    r"\b(RAND|UUID|NOW|SYSDATE|SLEEP|CUR(?:DATE|TIME)|(?:CURRENT|UTC|LOCAL)_?\w*|UNIX_TIMESTAMP)\b",
    re.IGNORECASE,
)
"""Functions that give something else each time."""
SHOWS = frozenset({"SHOW", "DESC", "DESCRIBE", "EXPLAIN"})
QUERIES = frozenset({"SELECT", "WITH", "("})


class Dialect:
    """Translates for one engine (`sqlite` or `postgres`), and keeps what it has translated."""

    def __init__(self, engine: str, schemas: Iterable[str] = ()) -> None:
        self.engine, self.schemas = engine, frozenset(schemas)
        self._kept: OrderedDict[tuple[int, bool, str], tuple[Catalogue, Plan]] = OrderedDict()

    def plan(self, text: str, catalogue: Catalogue, *, full_group: bool = True) -> Plan:
        """Say what is to be done for a statement; MySQL's errors are in the plan."""
        key = (id(catalogue), full_group, text)
        kept = self._kept.get(key)
        if kept is not None and kept[0] is catalogue:
            return kept[1]
        try:
            plan = self._plan(text, catalogue, full_group=full_group)
        except MySQLError as error:
            plan = Plan(error=error.message)
        except RecursionError:
            plan = Plan(error="Thread stack overrun: the statement is nested too deeply")
        self._kept[key] = (catalogue, plan)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return plan

    def generator(self, scopes: dict[int, Scope], schema: str = "") -> Generator:
        """Give what writes the engine's SQL."""
        return (Postgres if self.engine == "postgres" else Sqlite)(scopes, schema)

    def unusual(self, table: str, columns: Sequence[str]) -> str:
        """Write a query that says, by column, whether a text in it is not plain ASCII."""
        generator = self.generator({})
        names = [generator.quote(generator.table_name(name)) for name in (table, *columns)]
        tests = ", ".join(map(generator.unusual, names[1:]))
        return f"SELECT {tests} FROM {names[0]}"  # noqa: S608 (quoted)

    def _plan(self, text: str, catalogue: Catalogue, *, full_group: bool) -> Plan:
        parser = Parser(text)
        word = parser.now.upper
        if parser.now.kind == "end":
            raise MySQLError("Query was empty")
        if word in SHOWS:
            columns, rows = Show(text, catalogue, self.schemas).answer()
            return Plan(columns=columns, answer=rows)
        if word in QUERIES:
            return self._query(parser, catalogue, full_group=full_group)
        return other(parser, catalogue, self)

    def _query(self, parser: Parser, catalogue: Catalogue, *, full_group: bool) -> Plan:
        query = parser.query()
        parser.accept(";")
        if parser.now.kind != "end":
            parser.fail()
        found = list(nodes_of(query))
        named = {n.schema.lower() for n, _ in found if isinstance(n, Table) and n.schema}
        there = catalogue
        local = information.NAME in named or catalogue.schema == information.NAME
        if local:
            catalogue = information.CATALOGUE
        precheck(found, catalogue)
        resolver = Resolver(catalogue, full_group=full_group)
        columns = resolver.query(query, None, {})
        generator = (
            Sqlite(resolver.scopes, there.schema)
            if local
            else self.generator(resolver.scopes, there.schema)
        )
        sql = generator.query(query)
        if local:
            rows = information.ask(sql, there, self.schemas)
            names, types = [name for name, *_ in columns], [type_ for _, type_, _ in columns]
            return Plan(columns=names, answer=converted(rows, types))
        return Plan(
            columns=[name for name, *_ in columns],
            sql=sql,
            types=[type_ for _, type_, _ in columns],
            single=generator.single(resolver.scalars),
            repeats=_CHANGING.search(parser.text) is None,
        )
