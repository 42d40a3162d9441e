"""The tree of a MySQL query. `start` and `end` are positions in the statement's text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import define, field

from asynccode.mysql.types import SqlType

if TYPE_CHECKING:
    from asynccode.mysql.scope import Field


@define(eq=False, kw_only=True)
class Node:
    """An expression."""

    start: int = 0
    end: int = 0
    type: SqlType | None = field(default=None, repr=False)
    """What the type pass found; None before."""

    def children(self) -> Iterator[Node]:
        """Give the expressions in this one, in the order in which MySQL resolves them."""
        return iter(())


@define(eq=False, kw_only=True)
class Column(Node):
    """A name: `column`, `table.column` or `schema.table.column`."""

    parts: tuple[str, ...]
    field: Field | None = None
    """What it stands for; None if it stands for an item of the select list."""
    item: Node | None = None
    """The expression of the select list that it stands for."""
    outer: bool = False
    """Whether it belongs to a query around this one."""

    @property
    def name(self) -> str:
        """The column's own name."""
        return self.parts[-1]

    @property
    def text(self) -> str:
        """The name as it is given in errors."""
        return ".".join(self.parts)


@define(eq=False, kw_only=True)
class Star(Node):
    """`*`, `table.*` or `schema.table.*`."""

    parts: tuple[str, ...] = ()


@define(eq=False, kw_only=True)
class Literal(Node):
    """A constant: `kind` is one of `string int decimal float null bool hex variable`."""

    kind: str
    value: str


@define(eq=False, kw_only=True)
class Call(Node):
    """A function: aggregates too."""

    name: str
    """In capitals."""
    written: str
    """As it stands in the text."""
    args: list[Node]
    distinct: bool = False
    order: list[Order] = field(factory=list)
    separator: str | None = None
    window: Window | None = None

    def children(self) -> Iterator[Node]:
        """Give arguments, then what they are ordered by, then the window."""
        yield from self.args
        for term in self.order:
            yield term.expression
        if self.window is not None:
            yield from self.window.partition
            for term in self.window.order:
                yield term.expression


@define(eq=False, kw_only=True)
class Operator(Node):
    """An operator in small letters, `not like` and `is not null` among them."""

    name: str
    args: list[Node]

    def children(self) -> Iterator[Node]:
        """Give the operands."""
        yield from self.args


@define(eq=False, kw_only=True)
class Case(Node):
    """CASE."""

    subject: Node | None
    branches: list[tuple[Node, Node]]
    default: Node | None

    def children(self) -> Iterator[Node]:
        """Give all parts in the order of the text."""
        if self.subject is not None:
            yield self.subject
        for branch in self.branches:
            yield from branch
        if self.default is not None:
            yield self.default


@define(eq=False, kw_only=True)
class Cast(Node):
    """CAST and CONVERT; `to` is the type in small letters (`decimal(10,2)`)."""

    arg: Node
    to: str

    def children(self) -> Iterator[Node]:
        """Give what is cast."""
        yield self.arg


@define(eq=False, kw_only=True)
class Interval(Node):
    """INTERVAL n unit; the unit in capitals."""

    arg: Node
    unit: str

    def children(self) -> Iterator[Node]:
        """Give the number."""
        yield self.arg


@define(eq=False, kw_only=True)
class Subquery(Node):
    """A query in an expression; `role` is one of `scalar in exists any all`."""

    query: Query
    role: str = "scalar"


@define(eq=False, kw_only=True)
class Order:
    """One term of ORDER BY."""

    expression: Node
    descending: bool = False


@define(eq=False, kw_only=True)
class Window:
    """OVER (...)."""

    partition: list[Node]
    order: list[Order]
    frame: str = ""


@define(eq=False, kw_only=True)
class Item:
    """One item of a select list."""

    expression: Node
    alias: str | None
    label: str
    """The name of the column of the result."""


@define(eq=False, kw_only=True)
class Table:
    """A table in FROM."""

    name: str
    schema: str | None = None
    alias: str | None = None
    start: int = 0


@define(eq=False, kw_only=True)
class Derived:
    """A query in FROM."""

    query: Query
    alias: str | None
    columns: list[str] = field(factory=list)
    start: int = 0


@define(eq=False, kw_only=True)
class Join:
    """Two sources; `kind` is one of `comma inner left right`."""

    left: Source
    right: Source
    kind: str
    on: Node | None = None
    using: list[str] = field(factory=list)
    natural: bool = False


Source = Table | Derived | Join


@define(eq=False, kw_only=True)
class Query:
    """What SELECT and set operations share."""

    ctes: list[tuple[str, list[str], Query]] = field(factory=list)
    order: list[Order] = field(factory=list)
    limit: int | None = None
    offset: int = 0


@define(eq=False, kw_only=True)
class Select(Query):
    """One SELECT."""

    items: list[Item]
    distinct: bool = False
    source: Source | None = None
    where: Node | None = None
    group: list[Node] = field(factory=list)
    rollup: bool = False
    having: Node | None = None


@define(eq=False, kw_only=True)
class SetOperation(Query):
    """UNION, INTERSECT or EXCEPT of two queries."""

    left: Query
    right: Query
    name: str
    all: bool = False


def walk(node: Node | None) -> Iterator[Node]:
    """Give an expression and all expressions in it, outer ones first; not into subqueries."""
    if node is None:
        return
    yield node
    for child in node.children():
        yield from walk(child)
