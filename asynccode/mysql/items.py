"""Names that stand for items of the select list: in GROUP BY, HAVING and ORDER BY."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import define

from asynccode.mysql import errors
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.infer import type_of
from asynccode.mysql.nodes import Call, Column, Item, Literal, Node, Select
from asynccode.mysql.scope import Origin, Scope
from asynccode.mysql.words import AGGREGATES


@define(kw_only=True)
class Place:
    """Where an expression stands."""

    scope: Scope
    clause: str
    origins: Sequence[Origin] | None = None
    """The sources that ON sees; None for all."""
    aliases: bool = False
    """Whether a name that no source has may be one of the select list."""
    aggregates: bool = False
    inside: bool = False
    """Whether it is inside an aggregate."""


def term(node: Node, place: Place, select: Select, resolve: Callable[[Node, Place], None]) -> Node:
    """Resolve a term of GROUP BY or ORDER BY: a position, an item's name, or by `resolve`."""
    grouping = place.clause == "group statement"
    if isinstance(node, Literal) and node.kind == "int":
        item = select.items[position(node, len(select.items), place.clause)]
        return _groupable(item) if grouping else _alias(node, item)
    if isinstance(node, Column):
        found = in_items(node.parts, select, place)
        if found is not None:
            field = _quiet(node.parts, place) if grouping else None
            same = isinstance(found.expression, Column) and found.expression.field is field
            if field is None or same:
                return _groupable(found) if grouping else _alias(node, found)
    resolve(node, place)
    return node


def _alias(node: Node, item: Item) -> Node:
    """Give the item itor a name that stands for it."""
    if isinstance(item.expression, Column):
        return item.expression
    return Column(
        parts=(item.label,),
        item=item.expression,
        type=type_of(item.expression),
        start=node.start,
        end=node.end,
    )


def _groupable(item: Item) -> Node:
    if any(isinstance(n, Call) and n.name in AGGREGATES for n in flat(item.expression)):
        raise MySQLError(f"Can't group on '{item.label}'")
    return item.expression


def position(node: Literal, count: int, clause: str) -> int:
    """Give the place of an item by its number in the text. Raises `MySQLError`."""
    number = int(node.value)
    if not 1 <= number <= count:
        raise errors.unknown_column(node.value, clause)
    return number - 1


def _quiet(parts: Sequence[str], place: Place) -> object:
    """Give the field that a name stands for; None if there is none, or more than one."""
    try:
        return place.scope.find(parts, place.clause)
    except MySQLError:
        return None


def in_items(parts: Sequence[str], select: Select, place: Place) -> Item | None:
    """Give the item of the select list with that name."""
    name, found = parts[-1].lower(), list[Item]()
    for item in select.items:
        column = item.expression if isinstance(item.expression, Column) else None
        if len(parts) == 1 and item.label.lower() == name:
            matches = item.alias is not None or column is not None
        else:
            field = column.field if column is not None else None
            matches = (
                field is not None
                and field.name.lower() == name
                and field.source.matches(parts[:-1])
                and (item.alias is None or len(parts) > 1)
            )
        if matches and not any(_same(item, other) for other in found):
            found.append(item)
    if len(found) > 1:
        named = [item for item in found if item.alias is not None]
        if len(named) == 1:
            return named[0]
        raise errors.ambiguous(".".join(parts), place.clause)
    return found[0] if found else None


def _same(one: Item, other: Item) -> bool:
    left, right = one.expression, other.expression
    return (
        isinstance(left, Column)
        and isinstance(right, Column)
        and left.field is right.field
        and left.field is not None
    )


def flat(node: Node) -> Iterator[Node]:
    """Give an expression and all in it, names of the select list looked through."""
    yield node
    if isinstance(node, Column) and node.item is not None:
        yield from flat(node.item)
    for child in node.children():
        yield from flat(child)
