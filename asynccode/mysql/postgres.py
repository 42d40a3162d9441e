"""MySQL's queries in PostgreSQL's SQL.

Names of tables and columns are in small letters there, and texts are of type citext.
"""
# ruff: noqa: S608 (it is SQL that is written here; names and texts are quoted)

from __future__ import annotations

from collections.abc import Sequence

from asynccode.mysql.dates import parsed
from asynccode.mysql.generate import COMPARISONS, LOGIC
from asynccode.mysql.infer import type_of
from asynccode.mysql.likes import folded
from asynccode.mysql.nodes import (
    Column,
    Interval,
    Literal,
    Node,
    Operator,
    Query,
    SetOperation,
    Subquery,
)
from asynccode.mysql.postgres_calls import PostgresCalls
from asynccode.mysql.scope import Field, Origin
from asynccode.mysql.sqlite import query_type, set_columns, set_place
from asynccode.mysql.sqlite_calls import is_folded
from asynccode.mysql.types import Kind, SqlType

_TRUTHS = COMPARISONS | LOGIC | {"between", "in", "like", "regexp", "is null", "sounds like"}
_ACCENTED = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝŸŠŽàáâãäåçèéêëìíîïñòóôõöùúûüýÿšžßā"
_PLAIN = "AAAAAACEEEEIIIINOOOOOUUUUYYSZAAAAAACEEEEIIIINOOOOOUUUUYYSZSA"
_CASTS = {
    Kind.TEXT: "citext",
    Kind.INT: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.DOUBLE: "double precision",
    Kind.FLOAT: "double precision",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamp",
    Kind.TIME: "time",
}


class Postgres(PostgresCalls):
    """Writes PostgreSQL's SQL."""

    def row(self, origin: Origin) -> str:
        """A table's rows lie in the order in which they were loaded."""
        return f"{self.quote(origin.name)}.ctid"

    def place(self, rows: Sequence[str]) -> str:
        """Arrays compare from their first element on."""
        return f"ARRAY[{', '.join(rows)}]"

    def nulls(self, *, descending: bool) -> str:
        """NULL is below everything."""
        return " NULLS LAST" if descending else " NULLS FIRST"

    def table_name(self, name: str) -> str:
        """Names are in small letters."""
        return name.lower()

    def field_name(self, field: Field) -> str:
        """Names are in small letters; those of derived tables as they are given."""
        return field.name.lower() if field.source.relation is not None else field.name

    def column(self, node: Column) -> str:
        """A FLOAT has 32 bits."""
        text = super().column(node)
        found = node.field
        if found is None or found.type != SqlType(Kind.FLOAT) or found.source.relation is None:
            return text
        return f"{text}::real::double precision"

    def bare(self, text: str, node: Column) -> str:
        """It is the same in all rows of a group."""
        return f"MIN({text})"

    def compared(self, node: Node) -> str:
        """Texts of type citext compare without regard to case."""
        text = self.expression(node)
        return text if isinstance(node, Column) and node.item is None else f"({text})::citext"

    def key(self, node: Node) -> str:
        """Write a text that is the same for texts that are equal in MySQL."""
        if isinstance(node, Literal):
            return self.string(folded(node.value))
        text = f"rtrim({self.text(node)})"
        if is_folded(node):
            text = f"translate({text}, '{_ACCENTED}', '{_PLAIN}')"
        return f"upper({text})"

    def distinct_item(self, node: Node) -> str:
        """Texts sort by the codes of their capitals."""
        if type_of(node).kind is Kind.TEXT:
            return f'{self.key(node)} COLLATE "C"'
        return self.expression(node)

    def grouped(self, node: Node) -> str:
        """Columns group as they are; a constant would be a position."""
        text = self.expression(node)
        return f"({text})::text" if isinstance(node, Literal) else text

    def moment(self, node: Node, other: SqlType) -> str:
        """Read a text as a date or a time."""
        to = "time" if other.kind is Kind.TIME else "timestamp"
        if isinstance(node, Literal) and other.kind is not Kind.TIME:
            found = parsed(node.value)
            return f"NULL::{to}" if found is None else f"'{found:%Y-%m-%d %H:%M:%S}'::{to}"
        return f"({self.expression(node)})::text::{to}"

    def sides(self, left: Node, right: Node) -> tuple[str, str]:
        """Texts with unusual letters are compared by their keys."""
        kinds = {type_of(left).kind, type_of(right).kind}
        if kinds == {Kind.TEXT} and (is_folded(left) or is_folded(right)):
            return self.key(left), self.key(right)
        one, other = super().sides(left, right)
        temporal = type_of(left).is_temporal or type_of(right).is_temporal
        if temporal and any(type_of(side).is_number for side in (left, right)):
            return self.operand(left), self.operand(right)
        return one, other

    def sign(self, name: str) -> str:
        """Write a comparison's sign."""
        return {"<=>": "IS NOT DISTINCT FROM"}.get(name) or super().sign(name)

    def quantified(self, name: str, left: Node, query: Subquery) -> str:
        """Write a comparison with ANY or ALL of a query's values."""
        inner = self.query(query.query, ordered=False)
        return f"({self.expression(left)} {self.sign(name)} {query.role.upper()} ({inner}))"

    def in_query(self, name: str, first: Node, query: Subquery) -> str:
        """A text on one side and a number on the other compare as numbers."""
        inner = self.query(query.query, ordered=False)
        if isinstance(first, Operator) and first.name == "row":
            return f"({self.expression(first)} {name.upper()} ({inner}))"
        left = self.expression(first)
        one, (other, unusual) = type_of(first), query_type(query)
        wrap = ""
        if one.kind is Kind.TEXT and other.is_number:
            left = self.number(first)
        elif one.is_number and other.kind is Kind.TEXT:
            found = "COALESCE(substring(v::text from '^\\s*([-+]?\\d+\\.?\\d*)')::float8, 0)"
            wrap = f"CASE WHEN v IS NULL THEN NULL ELSE {found} END"
        elif one.kind is Kind.TEXT and (unusual or is_folded(first)):
            left = self.key(first)
            wrap = f"upper(translate(rtrim(v::text), '{_ACCENTED}', '{_PLAIN}'))"
        elif one.kind is Kind.TEXT:
            left = self.compared(first)
        if wrap:
            inner = f"SELECT {wrap} FROM ({inner}) AS q (v)"
        return f"({left} {name.upper()} ({inner}))"

    def expression(self, node: Node) -> str:
        """Truths are numbers wherever they are not asked as truths."""
        if _is_truth(node):
            return f"({self.condition(node)})::int"
        return super().expression(node)

    def condition(self, node: Node) -> str:
        """Write what is true or false; a number is true if it is not 0."""
        if _is_truth(node):
            return super().expression(node)
        if isinstance(node, Literal) and node.kind == "null":
            return "NULL::boolean"
        return f"({self.operand(node)} <> 0)"

    def branch(self, value: Node, whole: Node) -> str:
        """Branches of several types become the type of the whole."""
        text, type_ = self.expression(value), type_of(whole)
        if type_.kind is Kind.TEXT and not (isinstance(value, Literal) and value.kind == "null"):
            return f"({text})::text"
        return text

    def unusual(self, column: str) -> str:
        """Write an aggregate that is 1 if a text is not plain."""
        return f"max(({column}::text ~ '[^ -~]' OR {column}::text LIKE '% ')::int)"

    def limits(self, query: Query) -> str:
        """Write LIMIT and OFFSET."""
        if query.limit is None:
            return ""
        limit = min(query.limit, (1 << 63) - 1)
        return f"LIMIT {limit}" + (f" OFFSET {query.offset}" if query.offset else "")

    def special(self, node: Operator) -> str:
        """Write an operator that PostgreSQL has no sign for, or another."""
        name, args = node.name, node.args
        if name in ("like", "not like"):
            folding = any(map(is_folded, args[:2]))
            one, other = (
                (self.key(args[0]), f"upper({self.text(args[1])})")
                if folding
                else (f"({self.text(args[0])})::citext", self.text(args[1]))
            )
            escape = f" ESCAPE {self.expression(args[2])}" if len(args) > 2 else ""
            return f"({one} {name.upper()} {other}{escape})"
        if name in ("regexp", "not regexp"):
            sign = "~*" if name == "regexp" else "!~*"
            return f"({self.text(args[0])} {sign} {self.text(args[1])})"
        if name.startswith("is "):
            return f"({self.condition(args[0])} {name.upper()})"
        if isinstance(args[-1], Interval):
            return self.shifted(args[0], args[1], name)
        values = [self.operand(arg) for arg in args]
        if name in ("+", "-", "*", "<<", ">>", "&", "|"):
            return f"({values[0]} {name} {values[1]})"
        if name == "^":
            return f"({values[0]} # {values[1]})"
        exact = all(type_of(arg).is_exact for arg in args)
        if name == "/":
            to = "numeric" if exact else "double precision"
            return f"(({values[0]})::{to} / NULLIF({values[1]}, 0))"
        if name == "%":
            return f"(({values[0]})::numeric % NULLIF({values[1]}, 0)::numeric)"
        if name == "div":
            return f"TRUNC(({values[0]})::numeric / NULLIF({values[1]}, 0)::numeric)::bigint"
        if name == "xor":
            one, other = map(self.condition, args)
            return f"({one} <> {other})"
        if name == "binary":
            return f"({self.text(args[0])})"
        return f"({ {'neg': '-', 'pos': '+'}.get(name, name) } {values[0]})"

    def _set(self, query: SetOperation, *, labelled: bool, ordered: bool) -> str:
        """Write it as groups of the rows of both sides, in the order of first appearance."""
        columns = set_columns(query)
        names = [self.quote(f"c{number}") for number in range(len(columns))]
        listed = ", ".join(names)
        sides = []
        for number, side in enumerate((query.left, query.right)):
            inner = self.query(side, ordered=True)
            cast = ", ".join(
                f"{name}::{_CASTS.get(type_.kind, 'citext')} AS {name}"
                for name, (_, type_) in zip(names, columns, strict=True)
            )
            sides.append(
                f"SELECT {number} AS k, row_number() OVER () AS r, {cast} "
                f"FROM ({inner}) AS s ({listed})"
            )
        pairs = zip(names, columns, strict=True)
        shown = ", ".join(f"{name} AS {self.quote(label)}" for name, (label, _) in pairs)
        text = f"SELECT {shown if labelled else listed} FROM ({' UNION ALL '.join(sides)}) AS u"
        order = []
        for term in query.order:
            place = set_place(term.expression, columns)
            if place is not None:
                name, kind = names[place], columns[place][1].kind
                sorts = f'upper({name}::text) COLLATE "C"' if kind is Kind.TEXT else name
                if query.name != "union" or not query.all:
                    sorts = name
                down = " DESC" if term.descending else ""
                order.append(f"{sorts}{down}{self.nulls(descending=term.descending)}")
        if query.all and query.name == "union":
            order += ["k", "r"]
        else:
            kept = {"intersect": " HAVING MIN(k) < MAX(k)", "except": " HAVING MAX(k) = 0"}
            text += f" GROUP BY {listed}{kept.get(query.name, '')}"
            order += ["MIN(k)", "MIN(r)"]
        return f"{text} ORDER BY {', '.join(order)} {self.limits(query)}".rstrip()


def _is_truth(node: Node) -> bool:
    if isinstance(node, Subquery):
        return node.role == "exists"
    if not isinstance(node, Operator):
        return False
    name = node.name.removeprefix("not ").replace("is not ", "is ")
    return name in _TRUTHS or name.startswith("is ")
