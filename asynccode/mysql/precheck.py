"""What MySQL refuses of a query before it looks at any column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.errors import NOT_UNIQUE, MySQLError, unsupported
from asynccode.mysql.nodes import (
    Derived,
    Join,
    Node,
    Query,
    Select,
    SetOperation,
    Source,
    Subquery,
    Table,
    walk,
)
from asynccode.mysql.sources import check_tables, leaves

Found = Select | Subquery | Table
Place = tuple[Found, frozenset[str]]


def precheck(found: Sequence[Place], catalogue: Catalogue) -> None:
    """Raise for LIMIT in IN, then for aliases that are not unique, then for missing tables.

    `found` is what `nodes_of` gives.
    """
    for node, _ in found:
        among = isinstance(node, Subquery) and node.role in ("in", "any", "all")
        if among and isinstance(node, Subquery) and node.query.limit is not None:
            raise unsupported("LIMIT & IN/ALL/ANY/SOME subquery")
    for node, _ in found:
        if isinstance(node, Select):
            _unique(node)
    tables = ((node, ctes) for node, ctes in found if isinstance(node, Table))
    check_tables(tables, catalogue)


def _unique(select: Select) -> None:
    names = set[tuple[str, str]]()
    for leaf in leaves(select.source):
        schema = (leaf.schema or "") if isinstance(leaf, Table) and leaf.alias is None else ""
        name = leaf.alias or (leaf.name if isinstance(leaf, Table) else "")
        if (schema, name.lower()) in names:
            raise MySQLError(NOT_UNIQUE.format(name))
        names.add((schema, name.lower()))


def nodes_of(query: Query) -> Iterator[Place]:
    """Give all selects, subqueries and tables of a query in the order of the text.

    With each come the names of WITH that it sees.
    """
    return _query(query, frozenset())


def _query(query: Query, ctes: frozenset[str]) -> Iterator[Place]:
    for name, _, inner in query.ctes:
        yield from _query(inner, ctes | {name.lower()})
        ctes |= {name.lower()}
    if isinstance(query, SetOperation):
        yield from _query(query.left, ctes)
        yield from _query(query.right, ctes)
    elif isinstance(query, Select):
        yield query, ctes
        for item in query.items:
            yield from _expression(item.expression, ctes)
        if query.source is not None:
            yield from _source(query.source, ctes)
        for node in (query.where, *query.group, query.having):
            yield from _expression(node, ctes)
    for term in query.order:
        yield from _expression(term.expression, ctes)


def _expression(node: Node | None, ctes: frozenset[str]) -> Iterator[Place]:
    for inner in walk(node):
        if isinstance(inner, Subquery):
            yield inner, ctes
            yield from _query(inner.query, ctes)


def _source(source: Source, ctes: frozenset[str]) -> Iterator[Place]:
    if isinstance(source, Join):
        yield from _source(source.left, ctes)
        yield from _source(source.right, ctes)
        yield from _expression(source.on, ctes)
    elif isinstance(source, Derived):
        yield from _query(source.query, ctes)
    else:
        yield source, ctes
