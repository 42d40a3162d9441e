"""The order in which MySQL gives rows that no ORDER BY orders.

It is not promised by MySQL; it is what its executor does, and what episodes have seen:

- Rows of one table come as they are read: by primary key, or by the index that is read in
  its place: one that answers the whole query, or finds the rows of an IN or a range.
- Groups, and distinct rows, come as they first appear; or sorted, where an index begins
  with what they are grouped by, or where an aggregate is over DISTINCT values, since MySQL
  then sorts.
- Of a join, the first table that is read decides, then the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import field, frozen

from asynccode.mysql.nodes import Call, Column, Node, Select, Subquery
from asynccode.mysql.scope import Field, Origin, Scope
from asynccode.mysql.sources import joins


@frozen(kw_only=True)
class Reading:
    """What orders a result after what the query itself asks for."""

    columns: Sequence[Node] = ()
    """Expressions that sort it, before the tables."""
    origins: Sequence[Origin] = field(default=())
    """Tables whose rows then decide, the first that is read first."""


def reading(select: Select, scope: Scope, *, grouped: bool) -> Reading:
    """Say what orders a result; `grouped` if its rows are groups of rows of the tables.

    Nothing does where the order cannot be told: a derived table is among the sources.
    """
    origins = scope.origins
    if not origins or any(origin.relation is None for origin in origins):
        return Reading()
    if grouped:
        terms = select.group or [item.expression for item in select.items]
        if _sorts(select) or (len(origins) == 1 and _begins_index(terms, origins[0])):
            return Reading(columns=terms, origins=origins)
    return Reading(columns=_index(select, origins), origins=origins)


def _sorts(select: Select) -> bool:
    """Whether an aggregate over DISTINCT values makes MySQL sort by the groups."""
    roots = [item.expression for item in select.items]
    roots += [select.having] if select.having is not None else []
    roots += [term.expression for term in select.order]
    nodes = (node for root in roots for node in _inside(root))
    return bool(select.group) and any(isinstance(node, Call) and node.distinct for node in nodes)


def _inside(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Column) and node.item is not None:
        yield from _inside(node.item)
    for child in node.children():
        yield from _inside(child)


def _begins_index(terms: Sequence[Node], origin: Origin) -> bool:
    """Whether the terms are columns of which the first begins an index."""
    if len(terms) > 1:
        names = [t.field.name.lower() for t in terms if isinstance(t, Column) and t.field]
        key = [name.lower() for name in origin.relation.primary] if origin.relation else []
        return bool(key) and names == key[: len(terms)]
    first = terms[0]
    return isinstance(first, Column) and first.field is not None and _is_indexed(first.field)


def _is_indexed(found: Field) -> bool:
    relation = found.source.relation
    if relation is None:
        return False
    column = relation.columns[relation.index[found.name.lower()]]
    begins_key = bool(relation.primary) and relation.primary[0].lower() == found.name.lower()
    return begins_key or column.key in ("MUL", "UNI")


def _index(select: Select, origins: Sequence[Origin]) -> Sequence[Node]:
    """Give the column of the index that is read in the place of the table, if one is."""
    if len(origins) > 1:
        return ()
    used = _used(select)
    if used is None or not used:
        return ()
    origin = origins[0]
    assert origin.relation is not None
    key = {name.lower() for name in origin.relation.primary}
    others = [f for f in used.values() if f.name.lower() not in key]
    if len(others) > 1:
        return ()
    indexed = [f for f in (others or origin.fields) if _is_indexed(f) and f.name.lower() not in key]
    if not indexed:
        return ()
    found = indexed[0]
    return (Column(parts=(origin.name, found.name), field=found, type=found.type),)


def _used(select: Select) -> dict[int, Field] | None:
    """Give the columns that a query of one table uses; None if it has subqueries."""
    roots: list[Node | None] = [item.expression for item in select.items]
    roots += [select.where, *select.group, select.having]
    roots += [term.expression for term in select.order]
    roots += [join.on for join in joins(select.source)]
    found: dict[int, Field] = {}
    for root in roots:
        for node in _inside(root) if root is not None else ():
            if isinstance(node, Subquery):
                continue
            if isinstance(node, Column) and node.field is not None and not node.outer:
                found[id(node.field)] = node.field
    return found
