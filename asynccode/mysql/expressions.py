"""Reads MySQL's expressions: each rule takes the words that MySQL's own grammar takes."""

from __future__ import annotations

from asynccode.mysql.calls import Calls
from asynccode.mysql.nodes import Column, Interval, Literal, Node, Operator, Subquery
from asynccode.mysql.words import CALLABLE, UNITS, WINDOW

_BINARY: dict[str, tuple[int, str]] = {
    "|": (0, "|"),
    "&": (1, "&"),
    "<<": (2, "<<"),
    ">>": (2, ">>"),
    "+": (3, "+"),
    "-": (3, "-"),
    "*": (4, "*"),
    "/": (4, "/"),
    "%": (4, "%"),
    "DIV": (4, "div"),
    "MOD": (4, "%"),
    "^": (5, "^"),
}
"""How closely each operator binds, and its name."""
_ADDING = 3
_LOGIC = {
    "OR": (0, "or"),
    "||": (0, "or"),
    "XOR": (1, "xor"),
    "AND": (2, "and"),
    "&&": (2, "and"),
}
_COMPARISONS = {"=": "=", "<=>": "<=>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_COMPARISONS |= {"<>": "!=", "!=": "!="}
_STARTS = frozenset({"SELECT", "WITH"})


class Expressions(Calls):
    """The expressions of a statement."""

    def expression(self, level: int = 0) -> Node:
        """Read any expression of operators that bind at least as closely as `level`."""
        found = self._not()
        while True:
            binds, name = _LOGIC.get(self.now.upper, (-1, ""))
            if binds < level:
                return found
            self.at += 1
            found = self._made(name, found, self.expression(binds + 1))

    def _made(self, name: str, *args: Node, start: int | None = None) -> Operator:
        begins = args[0].start if start is None else start
        return Operator(name=name, args=list(args), start=begins, end=self.last_end)

    def _not(self) -> Node:
        start = self.now.start
        if self.accept("NOT"):
            return self._made("not", self._not(), start=start)
        found = self._boolean()
        while self.now.upper == "IS":  # IS NULL was read below
            self.at += 1
            negated = self.accept("NOT")
            value = self.expect("TRUE", "FALSE", "UNKNOWN").lower()
            found = self._made(f"is {'not ' if negated else ''}{value}", found)
        return found

    def _boolean(self) -> Node:
        found = self.predicate()
        while True:
            sign = self.now.upper
            if sign in _COMPARISONS:
                self.at += 1
                found = self._made(_COMPARISONS[sign], found, self._compared())
            elif sign == "IS" and "NULL" in (self.ahead().upper, self.ahead(2).upper):
                self.at += 1
                negated = self.accept("NOT")
                self.expect("NULL")
                found = self._made("is not null" if negated else "is null", found)
            else:
                return found

    def _compared(self) -> Node:
        if self.now.upper in ("ALL", "ANY", "SOME") and self.ahead().upper == "(":
            role = "all" if self.take().upper == "ALL" else "any"
            return self.subquery(role)
        return self.predicate()

    def predicate(self) -> Node:
        """Read a value, perhaps with IN, BETWEEN, LIKE or REGEXP after it."""
        found = self.bits()
        negated = "not " if self.accept("NOT") else ""
        if self.accept("IN"):
            if self.ahead().upper in _STARTS or self._opens_query():
                return self._made(f"{negated}in", found, self.subquery("in"))
            self.expect("(")
            values = self.separated(self.expression)
            self.expect(")")
            return self._made(f"{negated}in", found, *values)
        if self.accept("BETWEEN"):
            low = self.bits()
            self.expect("AND")
            return self._made(f"{negated}between", found, low, self.predicate())
        if self.accept("LIKE"):
            pattern = self.simple()
            if self.accept("ESCAPE"):
                return self._made(f"{negated}like", found, pattern, self.simple())
            return self._made(f"{negated}like", found, pattern)
        if self.accept("REGEXP", "RLIKE"):
            return self._made(f"{negated}regexp", found, self.bits())
        if negated:
            self.fail()
        if self.now.upper == "SOUNDS" and self.ahead().upper == "LIKE":
            self.at += 2
            return self._made("sounds like", found, self.bits())
        return found

    def bits(self, level: int = 0) -> Node:
        """Read arithmetic of operators that bind at least as closely as `level`."""
        start = self.now.start
        if self.now.upper == "INTERVAL" and level <= _ADDING and self.ahead().upper != "(":
            interval = self.interval()
            self.expect("+")
            found: Node = self._made("+", self.bits(_ADDING + 1), interval, start=start)
        else:
            found = self.simple()
        while True:
            binds, name = _BINARY.get(self.now.upper, (-1, ""))
            if binds < level:
                return found
            self.at += 1
            adds = binds == _ADDING and self.now.upper == "INTERVAL"
            right = self.interval() if adds else self.bits(binds + 1)
            found = self._made(name, found, right)

    def interval(self) -> Node:
        """Read INTERVAL n unit."""
        start = self.now.start
        self.expect("INTERVAL")
        arg = self.expression()
        if self.now.upper not in UNITS:
            self.fail()
        return Interval(arg=arg, unit=self.take().upper, start=start, end=self.last_end)

    def simple(self) -> Node:
        """Read what binds closest: a name, a constant, a function, a sign before one."""
        token = self.now
        if token.upper in ("-", "+", "~", "!"):
            self.at += 1
            name = {"-": "neg", "+": "pos", "~": "~", "!": "not"}[token.upper]
            return self._made(name, self.simple(), start=token.start)
        if token.upper == "BINARY" and token.kind == "reserved":
            self.at += 1
            return self._made("binary", self.simple(), start=token.start)
        found = self._atom()
        while self.accept("COLLATE"):
            self.take()
            found.end = self.last_end
        return found

    def _atom(self) -> Node:
        token = self.now
        if token.upper == "(":
            return self._parenthesis()
        if token.kind in ("int", "decimal", "float", "hex"):
            self.at += 1
            return self._literal(token.kind, token.text, token.start)
        if token.kind == "string":
            self.at += 1
            value = token.text
            while self.now.kind == "string":
                value += self.take().text
            return self._literal("string", value, token.start)
        if token.kind == "variable":
            self.at += 1
            return self._literal("variable", token.text, token.start)
        typed = token.kind == "word" and self.ahead().kind == "string"
        if typed and token.upper in ("DATE", "TIME", "TIMESTAMP"):
            self.at += 1
            return self._literal(token.upper.lower(), self.take().text, token.start)
        if typed and token.upper.startswith("_UTF8"):
            self.at += 1
            return self._literal("string", self.take().text, token.start)
        if token.kind == "reserved":
            return self._reserved()
        if not self.is_name():
            self.fail()
        if self.ahead().upper == "(":
            return self.call()
        parts = tuple(self.names())
        if len(parts) == 2 and self.now.upper == "(":
            return self.call(schema=parts)
        return Column(parts=parts, start=token.start, end=self.last_end)

    def _reserved(self) -> Node:
        token = self.now
        word = token.upper
        if word in ("NULL", "TRUE", "FALSE"):
            self.at += 1
            return self._literal("null" if word == "NULL" else "bool", word, token.start)
        if word == "CASE":
            return self.case()
        if word == "CONVERT":
            return self.convert()
        if word == "EXISTS":
            self.at += 1
            return self.subquery("exists", start=token.start)
        if word == "ROW" and self.ahead().upper == "(":
            self.at += 1
            return self._parenthesis()
        if word == "MATCH":
            return self.match()
        if word in WINDOW or word in CALLABLE:
            return self.call()
        return self.fail()

    def _literal(self, kind: str, value: str, start: int) -> Literal:
        return Literal(kind=kind, value=value, start=start, end=self.last_end)

    def _opens_query(self) -> bool:
        """Whether a parenthesis, or more of them, opens a query."""
        count = 0
        while self.ahead(count).upper == "(":
            count += 1
        return count > 0 and self.ahead(count).upper in _STARTS

    def _parenthesis(self) -> Node:
        start = self.now.start
        if self._opens_query():
            return self.subquery("scalar")
        self.expect("(")
        found = self.separated(self.expression)
        self.expect(")")
        if len(found) > 1:
            return self._made("row", *found, start=start)
        found[0].start, found[0].end = start, self.last_end
        return found[0]

    def subquery(self, role: str, start: int | None = None) -> Node:
        """Read a query in parentheses."""
        begins = self.now.start if start is None else start
        self.expect("(")
        query = self.query()
        self.expect(")")
        return Subquery(query=query, role=role, start=begins, end=self.last_end)
