"""Writes resolved expressions in another engine's SQL: what all engines share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from asynccode.mysql.grouping import shape
from asynccode.mysql.infer import type_of
from asynccode.mysql.nodes import (
    Call,
    Case,
    Cast,
    Column,
    Interval,
    Literal,
    Node,
    Operator,
    Query,
    Select,
    Subquery,
)
from asynccode.mysql.scope import Field, Origin, Scope
from asynccode.mysql.types import Kind, SqlType
from asynccode.mysql.words import AGGREGATES

COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">=", "<=>"})
LOGIC = frozenset({"and", "or", "xor", "not"})


class Writer(ABC):
    """Writes expressions for one engine."""

    def __init__(self, scopes: dict[int, Scope], schema: str = "") -> None:
        self.scopes, self.schema = scopes, schema
        self._selects: list[Select] = []
        """The selects that are being written, the inner one last."""
        self._of_rows = 0
        """Whether what is written is about single rows: in an aggregate, ON or WHERE."""

    # Names and constants

    @staticmethod
    def quote(name: str) -> str:
        """Quote a name."""
        return '"' + name.replace('"', '""') + '"'

    @staticmethod
    def string(text: str) -> str:
        """Write a constant text."""
        return "'" + text.replace("'", "''") + "'"

    @abstractmethod
    def row(self, origin: Origin) -> str:
        """Give what orders a table's rows as they are stored."""

    @abstractmethod
    def place(self, rows: Sequence[str]) -> str:
        """Give one number for the rows of several tables, in their order."""

    @abstractmethod
    def nulls(self, *, descending: bool) -> str:
        """Give what puts NULL first, or last if `descending`."""

    @abstractmethod
    def compared(self, node: Node) -> str:
        """Write a text as it compares in MySQL."""

    @abstractmethod
    def number(self, node: Node) -> str:
        """Write a text as the number that it begins with."""

    @abstractmethod
    def moment(self, node: Node, other: SqlType) -> str:
        """Write a text that is compared with a date or a time."""

    @abstractmethod
    def special(self, node: Operator) -> str:
        """Write an operator that engines differ in."""

    @abstractmethod
    def call(self, node: Call) -> str:
        """Write a function."""

    @abstractmethod
    def cast(self, node: Cast) -> str:
        """Write CAST."""

    @abstractmethod
    def unusual(self, column: str) -> str:
        """Write an aggregate: whether a text has letters beyond ASCII or spaces at its end."""

    @abstractmethod
    def limits(self, query: Query) -> str:
        """Write LIMIT and OFFSET."""

    def table_name(self, name: str) -> str:
        """Give the engine's name of a table."""
        return name

    def field_name(self, field: Field) -> str:
        """Give the engine's name of a column."""
        return field.name

    @abstractmethod
    def quantified(self, name: str, left: Node, query: Subquery) -> str:
        """Write a comparison with ANY or ALL of a query's values."""

    def condition(self, node: Node) -> str:
        """Write what is true or false."""
        return self.expression(node)

    def bare(self, text: str, node: Column) -> str:
        """Write a column that is neither grouped by nor inside an aggregate."""
        return text

    def distinct_item(self, node: Node) -> str:
        """Write what must differ for rows to be distinct."""
        return self.compared(node) if type_of(node).kind is Kind.TEXT else self.expression(node)

    def grouped(self, node: Node) -> str:
        """Write a term of GROUP BY."""
        return self.distinct_item(node)

    @abstractmethod
    def query(self, query: Query, *, labelled: bool = False, ordered: bool = True) -> str:
        """Write a query; `labelled` if its columns are named by others.

        Without `ordered`, the order of its rows does not matter.
        """

    # Expressions

    def expression(self, node: Node) -> str:
        """Write any expression, in parentheses where it has parts."""
        if isinstance(node, Column):
            return self.column(node)
        if isinstance(node, Literal):
            return self.literal(node)
        if isinstance(node, Operator):
            return self.operator(node)
        if isinstance(node, Call):
            self._of_rows += node.name in AGGREGATES
            text = self.call(node)
            self._of_rows -= node.name in AGGREGATES
            return text
        if isinstance(node, Case):
            return self.case(node)
        if isinstance(node, Cast):
            return self.cast(node)
        if isinstance(node, Subquery):
            inner = self.query(node.query, ordered=node.query.limit is not None)
            return f"EXISTS ({inner})" if node.role == "exists" else f"({inner})"
        assert isinstance(node, Interval)
        return self.expression(node.arg)

    def column(self, node: Column) -> str:
        """Write a column, or the expression that a name of the select list stands for."""
        if node.item is not None:
            return self.expression(node.item)
        assert node.field is not None
        field = node.field
        text = f"{self.quote(field.source.name)}.{self.quote(self.field_name(field))}"
        if node.outer or self._of_rows or not self._selects:
            return text
        select = self._selects[-1]
        aggregated = bool(select.group) or self.scopes[id(select)].aggregated
        if aggregated and shape(node) not in {shape(term) for term in select.group}:
            return self.bare(text, node)
        return text

    def literal(self, node: Literal) -> str:
        """Write a constant."""
        if node.kind in ("string", "date", "time", "timestamp", "word"):
            return self.string(node.value)
        if node.kind == "null":
            return "NULL"
        if node.kind == "bool":
            return "1" if node.value == "TRUE" else "0"
        if node.kind == "variable":
            return "NULL"
        if node.kind == "hex":
            digits = node.value.strip("xXbB0'\"") or "0"
            return str(int(digits, 16))
        return node.value

    def operator(self, node: Operator) -> str:
        """Write an operator."""
        name, args = node.name, node.args
        if name in COMPARISONS:
            return self.comparison(name, args[0], args[1])
        if name in ("and", "or"):
            left, right = (self.condition(arg) for arg in args)
            return f"({left} {name.upper()} {right})"
        if name == "not":
            return f"(NOT {self.condition(args[0])})"
        if name in ("between", "not between"):
            low = self.comparison(">=", args[0], args[1])
            high = self.comparison("<=", args[0], args[2])
            return f"({low} AND {high})" if name == "between" else f"(NOT ({low} AND {high}))"
        if name in ("in", "not in"):
            return self._in(name, args)
        if name in ("is null", "is not null"):
            return f"({self.expression(args[0])} {name.upper()})"
        if name == "row":
            return f"({', '.join(map(self.expression, args))})"
        return self.special(node)

    def _in(self, name: str, args: list[Node]) -> str:
        first = args[0]
        if isinstance(args[1], Subquery) and args[1].role == "in":
            return self.in_query(name, first, args[1])
        if isinstance(first, Operator) and first.name == "row":
            values = ", ".join(map(self.expression, args[1:]))
            return f"({self.expression(first)} {name.upper()} ({values}))"
        texts = [self.sides(first, arg) for arg in args[1:]]
        lefts = {left for left, _ in texts}
        if len(lefts) == 1:
            return f"({lefts.pop()} {name.upper()} ({', '.join(right for _, right in texts)}))"
        either = " OR ".join(f"{left} = {right}" for left, right in texts)
        return f"({either})" if name == "in" else f"(NOT ({either}))"

    @abstractmethod
    def in_query(self, name: str, first: Node, query: Subquery) -> str:
        """Write IN with a query."""

    def comparison(self, name: str, left: Node, right: Node) -> str:
        """Write a comparison as MySQL makes it: what is not alike is made alike."""
        if isinstance(right, Subquery) and right.role in ("any", "all"):
            return self.quantified(name, left, right)
        one, other = self.sides(left, right)
        return f"({one} {self.sign(name)} {other})"

    def sign(self, name: str) -> str:
        """Write a comparison's sign."""
        return {"<=>": "IS", "!=": "<>"}.get(name, name)

    def sides(self, left: Node, right: Node) -> tuple[str, str]:
        """Write two sides of a comparison so that they compare as in MySQL."""
        kinds = type_of(left), type_of(right)
        texts = []
        for node, mine, other in ((left, kinds[0], kinds[1]), (right, kinds[1], kinds[0])):
            if mine.kind is not Kind.TEXT:
                texts.append(self.expression(node))
            elif other.is_number:
                texts.append(self.number(node))
            elif other.is_temporal:
                texts.append(self.moment(node, other))
            else:
                texts.append(self.compared(node))
        return texts[0], texts[1]

    def case(self, node: Case) -> str:
        """Write CASE."""
        parts = ["CASE"]
        for condition, value in node.branches:
            if node.subject is None:
                test = self.condition(condition)
            else:
                test = self.comparison("=", node.subject, condition)
            parts.append(f"WHEN {test} THEN {self.branch(value, node)}")
        if node.default is not None:
            parts.append(f"ELSE {self.branch(node.default, node)}")
        return f"({' '.join(parts)} END)"

    def branch(self, value: Node, whole: Node) -> str:
        """Write one of several values that must be of one type."""
        return self.expression(value)
