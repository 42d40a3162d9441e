"""Reads MySQL's functions, each with the grammar it has."""

from __future__ import annotations

from abc import abstractmethod

from asynccode.mysql.arity import COUNTED, GRAMMAR
from asynccode.mysql.cursor import Cursor
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.nodes import Call, Case, Cast, Literal, Node, Order, Query, Window
from asynccode.mysql.words import AGGREGATES, GLUED, UNITS, WINDOW, words

_BARE = words(
    """
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP UTC_DATE
    UTC_TIME UTC_TIMESTAMP
    """
)
"""Functions that need no parentheses."""
_TYPES = words(
    "BINARY CHAR DATE DATETIME DECIMAL DOUBLE FLOAT JSON NCHAR REAL SIGNED TIME UNSIGNED YEAR"
)


class Calls(Cursor):
    """The functions of a statement."""

    @abstractmethod
    def expression(self, level: int = 0) -> Node:
        """Read any expression."""

    @abstractmethod
    def bits(self, level: int = 0) -> Node:
        """Read arithmetic."""

    @abstractmethod
    def interval(self) -> Node:
        """Read INTERVAL n unit."""

    @abstractmethod
    def query(self) -> Query:
        """Read a query."""

    def call(self, schema: tuple[str, ...] = ()) -> Node:
        """Read a function: its name comes next, unless it was read as `schema`."""
        if schema:
            return self._generic(".".join(schema), self.tokens[self.at - 3].start, known=False)
        token = self.take()
        name = token.upper
        if name in _BARE and self.now.upper != "(":
            return Call(name=name, written=token.text, args=[], start=token.start, end=token.end)
        if name in GLUED and self.now.start != token.end:
            return self._generic(token.text, token.start, known=False)
        special = getattr(self, f"_{name.lower()}", None) if token.kind != "quoted" else None
        if name in ("CAST", "EXTRACT", "TRIM", "POSITION", "GROUP_CONCAT"):
            self.expect("(")
            found: Node = special(token.start)  # type: ignore[misc]
        elif name in ("SUBSTRING", "SUBSTR", "MID"):
            found = self._substring(token.text, token.start)
        elif name in ("TIMESTAMPDIFF", "TIMESTAMPADD"):
            self.expect("(")
            found = self._with_unit(token.text, token.start)
        else:
            found = self._generic(token.text, token.start, known=token.kind != "quoted")
        if isinstance(found, Call):
            self._window(found)
        return found

    def _called(self, name: str, args: list[Node], start: int) -> Call:
        return Call(name=name.upper(), written=name, args=args, start=start, end=self.last_end)

    def _generic(self, written: str, start: int, *, known: bool = True) -> Call:
        self.expect("(")
        name = written.upper() if known else written
        distinct, args = False, []
        is_aggregate = known and name in AGGREGATES
        if is_aggregate:
            distinct = bool(self.accept("DISTINCT")) or not (self.accept("ALL") or True)
        least, most = GRAMMAR.get(name, (0, 999)) if known else (0, 999)
        if name == "COUNT" and known and not distinct and self.accept("*"):
            self.expect(")")
            return self._called(written, [], start)
        if is_aggregate and name == "COUNT" and not distinct:
            most = 1
        if least or self.now.upper != ")":
            if most == 0:
                self.fail()
            args.append(self._argument())
            while len(args) < most and self.accept(","):
                args.append(self._argument())
            if len(args) < least:
                self.expect(",")
        if name == "CHAR" and self.accept("USING"):
            self.take()
        self.expect(")")
        if known and name in COUNTED and name not in GRAMMAR:
            low, high = COUNTED[name]
            if not low <= len(args) <= high:
                raise MySQLError(
                    f"Incorrect parameter count in the call to native function '{written}'"
                )
        found = self._called(written, args, start)
        found.name, found.distinct = name, distinct
        return found

    def _argument(self) -> Node:
        return self.interval() if self._is_interval() else self.expression()

    def _is_interval(self) -> bool:
        return self.now.upper == "INTERVAL" and self.tokens[self.at - 1].upper == ","

    def _window(self, call: Call) -> None:
        needs = call.name in WINDOW
        if not (needs or call.name in AGGREGATES) or self.now.upper != "OVER":
            if needs:
                self.fail()
            return
        self.expect("OVER")
        if self.is_name():
            self.take()
            call.window = Window(partition=[], order=[])
            return
        self.expect("(")
        partition, order = [], []
        if self.accept("PARTITION"):
            self.expect("BY")
            partition = self.separated(self.expression)
        if self.accept("ORDER"):
            self.expect("BY")
            order = self.separated(self.order_term)
        begin = self.now.start
        while self.now.upper not in (")", ""):
            self.take()
        frame = self.text[begin : self.now.start].strip()
        self.expect(")")
        call.window = Window(partition=partition, order=order, frame=frame)
        call.end = self.last_end

    def order_term(self) -> Order:
        """Read one term of ORDER BY."""
        expression = self.expression()
        return Order(expression=expression, descending=self.accept("ASC", "DESC") == "DESC")

    def _cast(self, start: int) -> Node:
        arg = self.expression()
        self.expect("AS")
        to = self._type()
        self.expect(")")
        return Cast(arg=arg, to=to, start=start, end=self.last_end)

    def convert(self) -> Node:
        """Read CONVERT(x, type) or CONVERT(x USING charset)."""
        start = self.take().start
        self.expect("(")
        arg = self.expression()
        if self.expect(",", "USING") == "USING":
            self.take()
            to = "char"
        else:
            to = self._type()
        self.expect(")")
        return Cast(arg=arg, to=to, start=start, end=self.last_end)

    def _type(self) -> str:
        name = self.expect(*_TYPES)
        if name in ("SIGNED", "UNSIGNED"):
            self.accept("INTEGER", "INT")
        text = name.lower()
        if name != "JSON" and self.accept("("):
            sizes = [self._number()]
            if name == "DECIMAL" and self.accept(","):
                sizes.append(self._number())
            self.expect(")")
            text += f"({','.join(sizes)})"
        if self.accept("CHARACTER"):
            self.expect("SET")
            self.take()
        return text

    def _number(self) -> str:
        return self.take().text if self.now.kind == "int" else self.fail()

    def _extract(self, start: int) -> Node:
        unit = self._unit()
        self.expect("FROM")
        arg = self.expression()
        self.expect(")")
        return self._called("EXTRACT", [self._word(unit), arg], start)

    def _unit(self) -> str:
        return self.take().upper if self.now.upper in UNITS else self.fail()

    def _word(self, text: str) -> Node:
        return Literal(kind="word", value=text, start=self.last_end, end=self.last_end)

    def _with_unit(self, name: str, start: int) -> Node:
        unit = self._unit()
        args = [self._word(unit)]
        for _ in range(2):
            self.expect(",")
            args.append(self.expression())
        self.expect(")")
        return self._called(name, args, start)

    def _trim(self, start: int) -> Node:
        side = self.accept("BOTH", "LEADING", "TRAILING")
        args: list[Node] = []
        if side is None or self.now.upper != "FROM":
            args.append(self.expression())
        if self.accept("FROM") if side is None else self.expect("FROM"):
            args.insert(0, self.expression())
        self.expect(")")
        name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(side or "", "TRIM")
        return self._called(name, args, start)

    def _position(self, start: int) -> Node:
        needle = self.bits()
        self.expect("IN")
        args = [needle, self.expression()]
        self.expect(")")
        return self._called("LOCATE", args, start)

    def _substring(self, name: str, start: int) -> Node:
        self.expect("(")
        args = [self.expression()]
        if self.expect(",", "FROM") == ",":
            args.append(self.expression())
            if self.accept(","):
                args.append(self.expression())
        else:
            args.append(self.expression())
            if self.accept("FOR"):
                args.append(self.expression())
        self.expect(")")
        return self._called(name, args, start)

    def _group_concat(self, start: int) -> Node:
        distinct = bool(self.accept("DISTINCT"))
        found = self._called("GROUP_CONCAT", self.separated(self.expression), start)
        found.distinct = distinct
        if self.accept("ORDER"):
            self.expect("BY")
            found.order = self.separated(self.order_term)
        if self.accept("SEPARATOR"):
            found.separator = self.take().text if self.now.kind == "string" else self.fail()
        self.expect(")")
        found.end = self.last_end
        return found

    def case(self) -> Node:
        """Read CASE ... END."""
        start = self.take().start
        subject = None if self.now.upper == "WHEN" else self.expression()
        branches: list[tuple[Node, Node]] = []
        while self.accept("WHEN") or (not branches and self.expect("WHEN")):
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self.expression()))
        default = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return Case(
            subject=subject, branches=branches, default=default, start=start, end=self.last_end
        )

    def match(self) -> Node:
        """Read MATCH (columns) AGAINST (text)."""
        start = self.take().start
        self.expect("(")
        args = self.separated(self.expression)
        self.expect(")")
        self.expect("AGAINST")
        self.expect("(")
        args.append(self.bits())
        self.expect(")")
        return self._called("MATCH", args, start)
