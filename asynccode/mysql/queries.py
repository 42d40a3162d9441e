"""Writes resolved queries in another engine's SQL: what all engines share."""
# ruff: noqa: S608 (it is SQL that is written here; names and texts are quoted)

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from asynccode.mysql.generate import Writer
from asynccode.mysql.nodes import (
    Call,
    Column,
    Derived,
    Join,
    Literal,
    Node,
    Order,
    Query,
    Select,
    SetOperation,
    Source,
    Table,
)
from asynccode.mysql.ordering import reading
from asynccode.mysql.scope import Scope


class Generator(Writer):
    """Writes queries for one engine."""

    def single(self, queries: Sequence[Query]) -> list[str]:
        """Write queries that count the rows, two at most, of queries that may give one."""
        counted = (self.query(query, labelled=True, ordered=False) for query in queries)
        return [
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {self.derived(sql, 'one', '')} LIMIT 2) AS two"
            for sql in counted
        ]

    def query(self, query: Query, *, labelled: bool = False, ordered: bool = True) -> str:
        """Write a query."""
        ctes = ""
        if query.ctes:
            parts = []
            for name, names, inner in query.ctes:
                columns = f" ({', '.join(map(self.quote, names))})" if names else ""
                text = self.query(inner, labelled=True, ordered=False)
                parts.append(f"{self.quote(name)}{columns} AS ({text})")
            ctes = f"WITH RECURSIVE {', '.join(parts)} "
        if isinstance(query, Select):
            return ctes + self._select(query, labelled=labelled, ordered=ordered)
        assert isinstance(query, SetOperation)
        return ctes + self._set(query, labelled=labelled, ordered=ordered)

    def _select(self, select: Select, *, labelled: bool, ordered: bool) -> str:
        scope = self.scopes[id(select)]
        self._selects.append(select)
        rows, self._of_rows = self._of_rows, 0
        try:
            ordered = ordered or select.limit is not None
            aggregated = bool(select.group) or scope.aggregated
            as_group = select.distinct and not aggregated and ordered and bool(select.items)
            as_group = as_group and not any(_has_window(item.expression) for item in select.items)
            items = []
            for item in select.items:
                text = self.selected(item.expression)
                items.append(f"{text} AS {self.quote(item.label)}" if labelled else text)
            distinct = "DISTINCT " if select.distinct and not as_group else ""
            parts = [f"SELECT {distinct}{', '.join(items)}"]
            self._of_rows += 1
            if select.source is not None:
                parts.append(f"FROM {self._source(select.source, scope)}")
            if select.where is not None:
                parts.append(f"WHERE {self.condition(select.where)}")
            self._of_rows -= 1
            if as_group:
                terms = dict.fromkeys(self.grouped(item.expression) for item in select.items)
                parts.append(f"GROUP BY {', '.join(terms)}")
            elif select.group:
                parts.append(
                    f"GROUP BY {', '.join(dict.fromkeys(map(self.grouped, select.group)))}"
                )
            if select.having is not None:
                clause = "HAVING" if aggregated else "WHERE" if select.where is None else "AND"
                parts.append(f"{clause} {self.condition(select.having)}")
            order = self._order(select, scope, as_group=as_group, implicit=ordered)
            if order:
                parts.append(f"ORDER BY {', '.join(order)}")
            parts.append(self.limits(select))
            return " ".join(part for part in parts if part)
        finally:
            self._of_rows = rows
            self._selects.pop()

    def _order(self, select: Select, scope: Scope, *, as_group: bool, implicit: bool) -> list[str]:
        aggregated = bool(select.group) or scope.aggregated
        if aggregated and not select.group:
            return []  # there is one row
        terms = [] if not (implicit or select.order) else list(map(self.term, select.order))
        if not implicit or (select.distinct and not as_group):
            return terms
        grouping = as_group or bool(select.group)
        found = reading(select, scope, grouped=grouping)
        if not (grouping and select.rollup):
            terms += [self.term(Order(expression=node)) for node in found.columns]
        rows = [self.row(origin) for origin in found.origins]
        if grouping and rows:
            rows = [f"MIN({rows[0] if len(rows) == 1 else self.place(rows)})"]
        return terms + rows

    def term(self, term: Order) -> str:
        """Write a term of ORDER BY."""
        text = self.distinct_item(term.expression)
        if isinstance(term.expression, Literal):
            text = f"({text})"  # a number alone would be a position
        direction = " DESC" if term.descending else ""
        return f"{text}{direction}{self.nulls(descending=term.descending)}"

    def selected(self, node: Node) -> str:
        """Write an item of a select list."""
        return self.expression(node)

    def _source(self, source: Source, scope: Scope) -> str:
        if isinstance(source, Table):
            name = source.name.lower()
            if source.schema is None and name in scope.ctes:
                return f"{self.quote(source.name)} AS {self.quote(source.alias or source.name)}"
            origin = next(
                o for o in scope.origins if o.name == (source.alias or source.name) and o.relation
            )
            assert origin.relation is not None
            return (
                f"{self.quote(self.table_name(origin.relation.name))} AS {self.quote(origin.name)}"
            )
        if isinstance(source, Derived):
            inner = self.query(source.query, labelled=True, ordered=source.query.limit is not None)
            names = f" ({', '.join(map(self.quote, source.columns))})" if source.columns else ""
            return self.derived(inner, source.alias or "", names)
        return self._join(source, scope)

    def derived(self, inner: str, alias: str, columns: str) -> str:
        """Write a query in FROM."""
        return f"({inner}) AS {self.quote(alias)}{columns}"

    def _join(self, join: Join, scope: Scope) -> str:
        left, right = self._source(join.left, scope), self._source(join.right, scope)
        if isinstance(join.right, Join):
            right = f"({right})"
        conditions = [self.condition(join.on)] if join.on is not None else []
        for name in join.using:
            pair = []
            for side in (join.left, join.right):
                seen = self._names(side)
                field = scope.find((name,), "", [o for o in scope.origins if o.name in seen])
                assert field is not None
                pair.append(Column(parts=(field.source.name, name), field=field, type=field.type))
            conditions.append(self.comparison("=", pair[0], pair[1]))
        if join.kind in ("comma", "inner"):
            if not conditions:
                return f"{left} CROSS JOIN {right}"
            return f"{left} INNER JOIN {right} ON {' AND '.join(conditions)}"
        return f"{left} {join.kind.upper()} JOIN {right} ON {' AND '.join(conditions) or '1 = 1'}"

    def _names(self, source: Source) -> set[str]:
        if isinstance(source, Join):
            return self._names(source.left) | self._names(source.right)
        if isinstance(source, Table):
            return {source.alias or source.name}
        return {source.alias or ""}

    @abstractmethod
    def _set(self, query: SetOperation, *, labelled: bool, ordered: bool) -> str:
        """Write a set operation."""


def _has_window(node: Node) -> bool:
    if isinstance(node, Call) and node.window is not None:
        return True
    return any(_has_window(child) for child in node.children())
