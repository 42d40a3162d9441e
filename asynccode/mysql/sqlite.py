"""MySQL's queries in SQLite's SQL."""
# ruff: noqa: S608 (it is SQL that is written here; names and texts are quoted)

from __future__ import annotations

from collections.abc import Sequence

from asynccode.mysql.dates import moment
from asynccode.mysql.infer import type_of
from asynccode.mysql.likes import folded
from asynccode.mysql.nodes import (
    Column,
    Interval,
    Literal,
    Node,
    Operator,
    Query,
    Select,
    SetOperation,
    Subquery,
)
from asynccode.mysql.scope import Origin
from asynccode.mysql.sqlite_calls import SqliteCalls, is_folded
from asynccode.mysql.types import Kind, SqlType, merged

SHIFT = 21
"""Bits of a row's place in a join."""


class Sqlite(SqliteCalls):
    """Writes SQLite's SQL."""

    def row(self, origin: Origin) -> str:
        """The rowid is the order of the dump, which is that of the primary key."""
        return f"{self.quote(origin.name)}.rowid"

    def place(self, rows: Sequence[str]) -> str:
        """Put the rows' numbers beside each other in one."""
        text = rows[0]
        for row in rows[1:3]:
            text = f"(({text} << {SHIFT}) | IFNULL({row}, 0))"
        return text

    def nulls(self, *, descending: bool) -> str:
        """NULL is where MySQL has it."""
        return ""

    def compared(self, node: Node) -> str:
        """Give the collation NOCASE, or a key that compares as in MySQL where NOCASE does not."""
        return self.key(node) if is_folded(node) else f"{self.expression(node)} COLLATE NOCASE"

    def key(self, node: Node) -> str:
        """Write a text that is the same for texts that are equal in MySQL."""
        if isinstance(node, Literal):
            return self.string(folded(node.value))
        return f"{'my_key' if is_folded(node) else 'UPPER'}({self.expression(node)})"

    def number(self, node: Node) -> str:
        """A cast takes the number that a text begins with, as MySQL does."""
        return f"CAST({self.expression(node)} AS REAL)"

    def moment(self, node: Node, other: SqlType) -> str:
        """Times are kept as text; the other side is brought into the same form."""
        if isinstance(node, Literal) and node.kind == "string":
            found = moment(node.value, other.kind)
            return self.string(found if found is not None else node.value)
        return f"my_moment({self.expression(node)}, '{other.kind}')"

    def sides(self, left: Node, right: Node) -> tuple[str, str]:
        """A date is compared with a time as midnight of its day; texts have one collation."""
        kinds = {type_of(left).kind, type_of(right).kind}
        if kinds == {Kind.TEXT} and (is_folded(left) or is_folded(right)):
            return self.key(left), self.key(right)
        if kinds == {Kind.DATE, Kind.DATETIME}:
            one, other = (
                f"({self.expression(side)} || ' 00:00:00')"
                if type_of(side).kind is Kind.DATE
                else self.expression(side)
                for side in (left, right)
            )
            return one, other
        return super().sides(left, right)

    def unusual(self, column: str) -> str:
        """A column that is an expression keeps no collation, so GLOB sees every byte."""
        return f"MAX({column} GLOB '*[^ -~]*' OR {column} GLOB '* ')"

    def limits(self, query: Query) -> str:
        """Write LIMIT and OFFSET."""
        if query.limit is None:
            return ""
        limit = min(query.limit, (1 << 63) - 1)
        return f"LIMIT {limit}" + (f" OFFSET {query.offset}" if query.offset else "")

    def in_query(self, name: str, first: Node, query: Subquery) -> str:
        """A text on one side and a number on the other compare as numbers."""
        inner = self.query(query.query, ordered=False)
        left = self.expression(first)
        one, (other, unusual) = type_of(first), query_type(query)
        wrap = ""
        if one.kind is Kind.TEXT and other.is_number:
            left = self.number(first)
        elif one.is_number and other.kind is Kind.TEXT:
            wrap = "CAST(v AS REAL)"
        elif one.kind is Kind.TEXT and (unusual or is_folded(first)):
            left, wrap = self.key(first), "my_key(v)" if unusual else "UPPER(v)"
        elif one.kind is Kind.TEXT:
            left = self.compared(first)
        if wrap:
            inner = f"WITH q (v) AS ({inner}) SELECT {wrap} FROM q"
        return f"({left} {name.upper()} ({inner}))"

    def special(self, node: Operator) -> str:
        """Write an operator that SQLite has no sign for, or another."""
        name, args = node.name, node.args
        if name in ("like", "not like"):
            return self._like(name, args)
        interval = args[-1]
        if isinstance(interval, Interval):
            sign = "-" if name == "-" else ""
            value, amount = self.expression(args[0]), self.operand(interval.arg)
            return f"my_date_add({value}, {sign}{amount}, '{interval.unit}')"
        values = [self.operand(arg) for arg in args]
        if name in ("+", "-", "*", "<<", ">>", "&", "|"):
            return f"({values[0]} {name} {values[1]})"
        if name == "/":
            return f"(CAST({values[0]} AS REAL) / {values[1]})"
        if name == "%":
            exact = all(type_of(arg).kind is Kind.INT for arg in args)
            return f"({values[0]} % {values[1]})" if exact else f"my_mod({values[0]}, {values[1]})"
        if name == "div":
            return f"CAST({values[0]} / {values[1]} AS INTEGER)"
        if name in ("neg", "pos", "~"):
            return f"({ {'neg': '-', 'pos': '+', '~': '~'}[name] } {values[0]})"
        if name == "xor":
            return f"(({values[0]} <> 0) <> ({values[1]} <> 0))"
        if name in ("regexp", "not regexp"):
            found = f"my_regexp_like({self.text(args[0])}, {self.text(args[1])})"
            return found if name == "regexp" else f"(NOT {found})"
        if name.startswith("is "):
            return f"({self.expression(args[0])} {name.upper().replace('UNKNOWN', 'NULL')})"
        if name == "binary":
            return f"({self.expression(args[0])} COLLATE BINARY)"
        if name == "sounds like":
            return f"(my_soundex({values[0]}) = my_soundex({values[1]}))"
        return f"my_{name}({', '.join(values)})"

    def _like(self, name: str, args: list[Node]) -> str:
        left, pattern = self.text(args[0]), self.text(args[1])
        escape = self.expression(args[2]) if len(args) > 2 else "'\\'"
        folded = any(map(is_folded, args[:2]))
        constant = args[1].value if isinstance(args[1], Literal) else "\\"
        if folded or not constant.isascii() or constant.endswith("\\"):
            found = f"my_like({left}, {pattern}, {escape})"
            return f"(NOT {found})" if name == "not like" else found
        return f"({left} {name.upper()} {pattern} ESCAPE {escape})"

    def _set(self, query: SetOperation, *, labelled: bool, ordered: bool) -> str:
        """Write it as groups of the rows of both sides, in the order of first appearance."""
        columns = set_columns(query)
        names = [self.quote(f"c{number}") for number in range(len(columns))]
        listed = ", ".join(names)
        sides = []
        for number, side in enumerate((query.left, query.right)):
            inner = self.query(side, ordered=True)
            sides.append(
                f"SELECT {number} AS k, row_number() OVER () AS r, {listed} "
                f"FROM (WITH s ({listed}) AS ({inner}) SELECT * FROM s)"
            )
        keys = [
            f"{name} COLLATE NOCASE" if type_.kind is Kind.TEXT else name
            for name, (_, type_) in zip(names, columns, strict=True)
        ]
        shown = ", ".join(
            f"{name} AS {self.quote(label)}"
            for name, (label, _) in zip(names, columns, strict=True)
        )
        text = f"SELECT {shown if labelled else listed} FROM ({' UNION ALL '.join(sides)})"
        order = []
        for term in query.order:
            place = set_place(term.expression, columns)
            if place is not None:
                collation = " COLLATE NOCASE" if columns[place][1].kind is Kind.TEXT else ""
                order.append(f"{names[place]}{collation}{' DESC' if term.descending else ''}")
        if query.all and query.name == "union":
            order += ["k", "r"]
        else:
            kept = {
                "union": "",
                "intersect": " HAVING MIN(k) < MAX(k)",
                "except": " HAVING MAX(k) = 0",
            }
            text += f" GROUP BY {', '.join(keys)}{kept[query.name]}"
            order += ["MIN(k)", "MIN(r)"]
        return f"{text} ORDER BY {', '.join(order)} {self.limits(query)}".rstrip()

    def quantified(self, name: str, left: Node, query: Subquery) -> str:
        """SQLite has no ANY and ALL: ask for a value for which it is (not) so."""
        inner = self.query(query.query, ordered=False)
        if type_of(left).kind is Kind.TEXT:
            test = f"{self.key(left)} {self.sign(name)} my_key(v)"
        else:
            test = f"{self.expression(left)} {self.sign(name)} v"
        negated = "NOT " if query.role == "all" else ""
        values = f"WITH q (v) AS ({inner}) SELECT v FROM q"
        return f"({negated}EXISTS (SELECT 1 FROM ({values}) WHERE {negated}({test})))"


def set_place(node: Node, columns: list[tuple[str, SqlType]]) -> int | None:
    """Give the place of the column that a set operation is ordered by."""
    labels = [label.lower() for label, _ in columns]
    if isinstance(node, Column) and node.name.lower() in labels:
        return labels.index(node.name.lower())
    if isinstance(node, Literal) and node.kind == "int":
        return int(node.value) - 1
    return None


def query_type(node: Subquery) -> tuple[SqlType, bool]:
    """Give the type of a query's one column, and whether its texts need MySQL's comparison."""
    query = node.query
    found = set_columns(query)[0][1]
    while isinstance(query, SetOperation):
        query = query.left
    assert isinstance(query, Select)
    return found, is_folded(query.items[0].expression)


def set_columns(query: Query) -> list[tuple[str, SqlType]]:
    """Give names and types of a query's columns."""
    if isinstance(query, Select):
        return [(item.label, type_of(item.expression)) for item in query.items]
    assert isinstance(query, SetOperation)
    pairs = zip(set_columns(query.left), set_columns(query.right), strict=True)
    return [(label, merged((one, other))) for (label, one), (_, other) in pairs]
