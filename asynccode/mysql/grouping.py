"""ONLY_FULL_GROUP_BY: what is selected must depend on what it is grouped by.

A column depends on the columns of GROUP BY if it is one of them, equals one or a constant
in WHERE or ON, or belongs to a table whose key depends on them (SQL:2011's functional
dependencies, as far as MySQL derives them).
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from asynccode.mysql.errors import MySQLError
from asynccode.mysql.nodes import Call, Column, Join, Literal, Node, Operator, Select, Subquery
from asynccode.mysql.scope import Field, Scope
from asynccode.mysql.sources import joins
from asynccode.mysql.words import AGGREGATES

_MODE = "this is incompatible with sql_mode=only_full_group_by"


def check_grouping(select: Select, scope: Scope, *, before: bool) -> None:
    """Raise what MySQL says of a query that selects what it cannot know.

    `before`: whether there was an aggregate before ORDER BY was resolved.
    """
    if not select.group and not before and select.having is None:
        if scope.aggregated:
            _check_ordered_aggregate(select)
        elif select.distinct:
            _check_distinct(select)
        return
    if not select.group and not scope.aggregated:
        return  # HAVING alone is a second WHERE
    known = _Known(scope=scope)
    known.learn(select)
    if select.rollup:
        return
    for number, item in enumerate(select.items, 1):
        _check(item.expression, known, f"#{number} of SELECT list", bool(select.group))
    if select.having is not None:
        _check(select.having, known, "#1 of HAVING clause", bool(select.group))
    if select.group:
        if select.distinct:
            _check_distinct(select, known)
        for number, term in enumerate(select.order, 1):
            _check(term.expression, known, f"#{number} of ORDER BY clause", True)


def _check(node: Node, known: _Known, where: str, grouped: bool) -> None:
    bad = next(known.missing(node), None)
    if bad is None:
        return
    if grouped:
        raise MySQLError(
            f"Expression {where} is not in GROUP BY clause and contains nonaggregated column "
            f"'{bad.full}' which is not functionally dependent on columns in GROUP BY clause; "
            f"{_MODE}"
        )
    raise MySQLError(
        f"In aggregated query without GROUP BY, expression {where} contains nonaggregated "
        f"column '{bad.full}'; {_MODE}"
    )


def _check_ordered_aggregate(select: Select) -> None:
    for number, term in enumerate(select.order, 1):
        if any(_is_aggregate(node) for node in _inside(term.expression)):
            raise MySQLError(
                f"Expression #{number} of ORDER BY contains aggregate function and applies to "
                "the result of a non-aggregated query"
            )


def _check_distinct(select: Select, known: _Known | None = None) -> None:
    texts = {shape(item.expression) for item in select.items}
    fields = {
        id(item.expression.field) for item in select.items if isinstance(item.expression, Column)
    }
    for number, term in enumerate(select.order, 1):
        found = term.expression
        if shape(found) in texts or (isinstance(found, Column) and found.item is not None):
            continue
        for node in _inside(found):
            if isinstance(node, Column) and node.field is not None and not node.outer:
                if id(node.field) not in fields:
                    raise MySQLError(
                        f"Expression #{number} of ORDER BY clause is not in SELECT list, "
                        f"references column '{node.field.full}' which is not in SELECT list; "
                        "this is incompatible with DISTINCT"
                    )
            elif _is_aggregate(node):
                raise MySQLError(
                    f"Expression #{number} of ORDER BY clause is not in SELECT list, contains "
                    "aggregate function; this is incompatible with DISTINCT"
                )


def _is_aggregate(node: Node) -> bool:
    return isinstance(node, Call) and node.name in AGGREGATES and node.window is None


def _inside(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Column) and node.item is not None:
        yield from _inside(node.item)
    for child in node.children():
        yield from _inside(child)


def shape(node: Node) -> str:
    """Give a text that is the same for expressions that are the same."""
    if isinstance(node, Column):
        if node.field is not None:
            return f"@{id(node.field)}"
        return shape(node.item) if node.item is not None else node.text.lower()
    if isinstance(node, Literal):
        return f"{node.kind}:{node.value}"
    if isinstance(node, Subquery):
        return f"subquery@{id(node)}"
    name = getattr(node, "name", type(node).__name__)
    extra = getattr(node, "to", "") or getattr(node, "unit", "")
    distinct = getattr(node, "distinct", False)
    return f"{name}{extra}{'!' * distinct}({','.join(shape(c) for c in node.children())})"


@define(kw_only=True)
class _Known:
    """What is the same for all rows of a group."""

    scope: Scope
    shapes: set[str] = field(factory=set)
    fields: set[int] = field(factory=set)
    rules: list[tuple[set[int], Field]] = field(factory=list)
    """Fields that, together, determine another."""

    def learn(self, select: Select) -> None:
        """Take the groups, then all that follows from them."""
        for node in select.group:
            self.shapes.add(shape(node))
            if isinstance(node, Column) and node.field is not None:
                self.fields.add(id(node.field))
        self._equalities(select.where, strict=True)
        for join in joins(select.source):
            self._join(join)
        for origin in self.scope.origins:
            for key in origin.unique:
                columns = {id(f) for f in origin.fields if f.name.lower() in key}
                self.rules += [(columns, f) for f in origin.fields]
        count = -1
        while count != len(self.fields):
            count = len(self.fields)
            for needs, gives in self.rules:
                if needs <= self.fields:
                    self.fields.add(id(gives))

    def _join(self, join: Join) -> None:
        if join.on is not None:
            self._equalities(join.on, strict=join.kind == "inner")
        for origin in self.scope.origins:
            for merged in origin.fields:
                if merged.twin is not None:
                    self.rules.append(({id(merged.twin)}, merged))
                    self.rules.append(({id(merged)}, merged.twin))

    def _equalities(self, node: Node | None, *, strict: bool) -> None:
        if not isinstance(node, Operator):
            return
        if node.name == "and":
            for arg in node.args:
                self._equalities(arg, strict=strict)
        if node.name != "=":
            return
        for one, other in (node.args, reversed(node.args)):
            target = one.field if isinstance(one, Column) and not one.outer else None
            if target is None:
                continue
            source = other.field if isinstance(other, Column) and not other.outer else None
            if source is not None:
                if strict or target.source.nullable:
                    self.rules.append(({id(source)}, target))
            elif strict and all(
                isinstance(n, Literal) or (isinstance(n, Column) and n.outer)
                for n in _inside(other)
                if not isinstance(n, Operator)
            ):
                self.fields.add(id(target))

    def missing(self, node: Node) -> Iterator[Field]:
        """Give the columns in an expression that may differ within a group."""
        if shape(node) in self.shapes:
            return
        if isinstance(node, Column):
            if node.item is not None:
                yield from self.missing(node.item)
            elif node.field is not None and not node.outer and id(node.field) not in self.fields:
                yield node.field
        elif isinstance(node, Subquery):
            yield from self._correlated(node)
        elif not _is_aggregate(node) and not (isinstance(node, Call) and node.name == "ANY_VALUE"):
            for child in node.children():
                yield from self.missing(child)

    def _correlated(self, node: Subquery) -> Iterator[Field]:
        """Give the columns of this query's sources that a subquery uses."""
        ours = {id(f) for origin in self.scope.origins for f in origin.fields}
        for inner in _query_nodes(node.query):
            found = inner.field if isinstance(inner, Column) and inner.outer else None
            if found is not None and id(found) in ours and id(found) not in self.fields:
                yield found


def _query_nodes(query: object) -> Iterator[Node]:
    """Give every expression of a query, subqueries' too."""
    if isinstance(query, Select):
        roots: list[Node | None] = [item.expression for item in query.items]
        roots += [query.where, *query.group, query.having]
        roots += [term.expression for term in query.order]
        roots += [join.on for join in joins(query.source)]
        for root in roots:
            for node in _inside(root) if root is not None else ():
                yield node
                if isinstance(node, Subquery):
                    yield from _query_nodes(node.query)
    else:
        for side in (getattr(query, "left", None), getattr(query, "right", None)):
            if side is not None:
                yield from _query_nodes(side)
