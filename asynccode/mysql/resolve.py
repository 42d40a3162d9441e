"""Finds what every name in a query stands for, in MySQL's order, with MySQL's errors.

The order decides which of several mistakes is reported: tables, derived tables, the select
list, WHERE, ON from the last join to the first, GROUP BY, HAVING, ORDER BY, and then
whether what is selected depends on what it is grouped by.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from asynccode.mysql import errors
from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.errors import INVALID_GROUP, MySQLError
from asynccode.mysql.grouping import check_grouping
from asynccode.mysql.infer import infer, type_of
from asynccode.mysql.items import Place, flat, in_items, position, term
from asynccode.mysql.nodes import (
    Call,
    Column,
    Item,
    Literal,
    Node,
    Operator,
    Query,
    Select,
    SetOperation,
    Star,
    Subquery,
)
from asynccode.mysql.scope import Columns, Ctes, Scope
from asynccode.mysql.sources import Sources, renamed
from asynccode.mysql.types import merged
from asynccode.mysql.words import AGGREGATES, FUNCTIONS, GLUED


class Resolver:
    """Resolves one statement; nodes get their fields and types."""

    def __init__(self, catalogue: Catalogue, *, full_group: bool = True) -> None:
        """With `full_group`, the mode ONLY_FULL_GROUP_BY is on."""
        self.catalogue, self.full_group = catalogue, full_group
        self.scopes: dict[int, Scope] = {}
        """The scope of each SELECT, by the id of its node."""
        self.scalars: list[Query] = []
        """Queries that must give one row at most and hang on no other."""

    def query(self, query: Query, parent: Scope | None, ctes: Ctes) -> Columns:
        """Resolve a query and give its columns. Raises `MySQLError`."""
        for name, names, inner in query.ctes:
            columns = self._cte(inner, ctes, name, names)
            ctes = {**ctes, name.lower(): renamed(columns, names)}
        if isinstance(query, Select):
            return self._select(query, parent, ctes)
        assert isinstance(query, SetOperation)
        return self._set(query, parent, ctes)

    def _cte(self, inner: Query, ctes: Ctes, name: str, names: Sequence[str]) -> Columns:
        if isinstance(inner, SetOperation):  # its first part gives a recursive one its columns
            first = self.query(inner.left, None, ctes)
            ctes = {**ctes, name.lower(): renamed(first, names)}
            return self._set(inner, None, ctes, left=first)
        return self.query(inner, None, ctes)

    def _set(
        self, query: SetOperation, parent: Scope | None, ctes: Ctes, left: Columns | None = None
    ) -> Columns:
        first = self.query(query.left, parent, ctes) if left is None else left
        second = self.query(query.right, parent, ctes)
        if len(first) != len(second):
            raise MySQLError("The used SELECT statements have a different number of columns")
        columns = [
            (name, merged((type_, other)), folded or also)
            for (name, type_, folded), (_, other, also) in zip(first, second, strict=True)
        ]
        names = {name.lower() for name, *_ in columns}
        for ordered in query.order:
            found = ordered.expression
            if isinstance(found, Column):
                if len(found.parts) > 1:
                    raise MySQLError(
                        f"Table '{found.parts[-2]}' from one of the SELECTs cannot be used in "
                        "global ORDER clause"
                    )
                if found.name.lower() not in names:
                    raise errors.unknown_column(found.text, "order clause")
            elif isinstance(found, Literal) and found.kind == "int":
                position(found, len(columns), "order clause")
        return columns

    def _select(self, select: Select, parent: Scope | None, ctes: Ctes) -> Columns:
        scope = self.scopes[id(select)] = Scope(select=select, parent=parent, ctes=ctes)
        sources = Sources(
            self.catalogue, ctes, lambda query, known: self.query(query, parent, known)
        )
        sources.fill(scope, select.source)
        self._expand(select, scope)
        place = Place(scope=scope, clause="field list", aggregates=True)
        for item in select.items:
            self.expression(item.expression, place)
        if select.where is not None:
            self.expression(select.where, Place(scope=scope, clause="where clause"))
        for condition, seen in sources.conditions(select.source):
            self.expression(condition, Place(scope=scope, clause="on clause", origins=seen))
        group = Place(scope=scope, clause="group statement", aliases=True)
        select.group = [term(node, group, select, self.expression) for node in select.group]
        if select.having is not None:
            having = Place(scope=scope, clause="having clause", aliases=True, aggregates=True)
            self.expression(select.having, having)
        order = Place(scope=scope, clause="order clause", aliases=True, aggregates=True)
        before = scope.aggregated
        select.order = [
            evolve(one, expression=term(one.expression, order, select, self.expression))
            for one in select.order
        ]
        if self.full_group:
            check_grouping(select, scope, before=before)
        return [
            (item.label, type_of(item.expression), self._folded(item.expression))
            for item in select.items
        ]

    @staticmethod
    def _folded(node: Node) -> bool:
        field = node.field if isinstance(node, Column) else None
        return field is not None and field.folded

    def _expand(self, select: Select, scope: Scope) -> None:
        """Put columns in the place of `*` and `table.*`."""
        items: list[Item] = []
        for item in select.items:
            star = item.expression
            if not isinstance(star, Star):
                items.append(item)
                continue
            origins = [origin for origin in scope.origins if origin.matches(star.parts)]
            if not origins:
                if star.parts:
                    raise MySQLError(f"Unknown table '{'.'.join(star.parts)}'")
                raise MySQLError("No tables used")
            for origin in origins:
                for field in origin.fields:
                    if id(field) not in scope.hidden or star.parts:
                        column = Column(parts=(origin.name, field.name), field=field)
                        items.append(Item(expression=column, alias=None, label=field.name))
        select.items = items

    def expression(self, node: Node, place: Place) -> None:
        """Resolve an expression and everything in it, in the order of the text."""
        if isinstance(node, Column):
            self._column(node, place)
        elif isinstance(node, Subquery):
            self._subquery(node, place)
        else:
            if isinstance(node, Call):
                place = self._call(node, place)
            for child in node.children():
                self.expression(child, place)
            if isinstance(node, Operator):
                self._operands(node)
        if node.type is None:
            node.type = infer(node)

    def _call(self, node: Call, place: Place) -> Place:
        known = node.name in FUNCTIONS
        if not known or (node.name in GLUED and node.name != node.written.upper()):
            schema = "" if "." in node.written else f"{self.catalogue.schema}."
            hint = ""
            if node.written.upper() in GLUED:
                hint = (
                    ". Check the 'Function Name Parsing and Resolution' section in the "
                    "Reference Manual"
                )
            raise MySQLError(f"FUNCTION {schema}{node.written} does not exist{hint}")
        if node.name not in AGGREGATES or node.window is not None:
            return place
        if place.inside:
            raise MySQLError(INVALID_GROUP)
        if not place.aggregates:
            if any(scope.select is not None for scope in place.scope.outer()):
                return evolve(place, inside=True)  # it may be one of the query around
            raise MySQLError(INVALID_GROUP)
        place.scope.aggregated = True
        return evolve(place, inside=True, aliases=False)

    @staticmethod
    def _operands(node: Operator) -> None:
        for arg in node.args:
            row = isinstance(arg, Operator) and arg.name == "row"
            if isinstance(arg, Subquery) and arg.role in ("scalar", "in", "any", "all"):
                first = node.args[0]
                first_row = isinstance(first, Operator) and first.name == "row"
                want = len(first.args) if isinstance(first, Operator) and first_row else 1
                if _width(arg.query) != want:
                    raise MySQLError(f"Operand should contain {want} column(s)")
            elif row and node.name in ("+", "-", "*", "/", "and", "or", "like"):
                raise MySQLError("Operand should contain 1 column(s)")

    def _subquery(self, node: Subquery, place: Place) -> None:
        columns = self.query(node.query, place.scope, place.scope.ctes)
        if node.role == "scalar":
            node.type = columns[0][1] if columns else None
            if not _is_single(node.query) and self._is_alone(node.query):
                self.scalars.append(node.query)

    def _is_alone(self, query: Query) -> bool:
        if isinstance(query, SetOperation):
            return self._is_alone(query.left) and self._is_alone(query.right)
        return not self.scopes[id(query)].correlated

    def _column(self, node: Column, place: Place) -> None:
        select = place.scope.select
        if place.clause == "having clause" and not place.inside and select is not None:
            self._having(node, place, select)
            return
        node.field = place.scope.find(node.parts, place.clause, place.origins)
        if node.field is None and place.aliases and select is not None:
            item = in_items(node.parts, select, place)
            if item is not None:
                node.item = item.expression
                return
        if node.field is None:
            self._outer(node, place)

    def _having(self, node: Column, place: Place, select: Select) -> None:
        item = in_items(node.parts, select, place)
        if item is None:
            for node_ in select.group:
                field = node_.field if isinstance(node_, Column) else None
                named = field is not None and field.name.lower() == node.name.lower()
                if field is not None and named and field.source.matches(node.parts[:-1]):
                    node.field = field
                    return
            self._outer(node, place)
        elif isinstance(item.expression, Column) and item.expression.field is not None:
            node.field, node.outer = item.expression.field, item.expression.outer
        else:
            node.item = item.expression

    def _outer(self, node: Column, place: Place) -> None:
        passed = [place.scope]
        for scope in place.scope.outer():
            found = scope.find(node.parts, place.clause)
            if found is not None:
                node.field, node.outer = found, True
                for inner in passed:
                    inner.correlated = True
                return
            item = None
            if scope.select is not None and scope.select.having is not None:
                item = in_items(node.parts, scope.select, place)
            if item is not None and item.alias is not None:
                node.item, node.outer = item.expression, True
                return
            passed.append(scope)
        raise errors.unknown_column(node.text, place.clause)


def _is_single(query: Query) -> bool:
    """Whether a query can give one row at most."""
    if query.limit is not None and query.limit <= 1:
        return True
    if not isinstance(query, Select) or query.group:
        return False
    nodes = (node for item in query.items for node in flat(item.expression))
    aggregated = any(isinstance(n, Call) and n.name in AGGREGATES and not n.window for n in nodes)
    return aggregated or query.source is None


def _width(query: Query) -> int:
    while isinstance(query, SetOperation):
        query = query.left
    assert isinstance(query, Select)
    return len(query.items)
