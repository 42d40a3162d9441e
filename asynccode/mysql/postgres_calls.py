"""MySQL's functions in PostgreSQL's SQL; rare ones are translated by sqlglot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from asynccode.mysql import postgres_tables as tables
from asynccode.mysql.errors import unsupported
from asynccode.mysql.infer import type_of
from asynccode.mysql.nodes import Call, Cast, Interval, Literal, Node
from asynccode.mysql.numbers import number
from asynccode.mysql.queries import Generator
from asynccode.mysql.types import Kind, declared
from asynccode.mysql.words import words

NUMBER = r"'^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)'"


class PostgresCalls(Generator):
    """Writes functions for PostgreSQL."""

    def number(self, node: Node) -> str:
        """Write a text as the number that it begins with."""
        if isinstance(node, Literal):
            return repr(number(node.value))
        text = f"({self.expression(node)})::text"
        found = f"COALESCE(substring({text} from {NUMBER})::double precision, 0)"
        return f"(CASE WHEN {text} IS NULL THEN NULL ELSE {found} END)"

    def operand(self, node: Node) -> str:
        """Write a value as the number that MySQL makes of it: a date is its digits."""
        kind = type_of(node).kind
        if kind is Kind.TEXT and not isinstance(node, Interval):
            return self.number(node)
        digits = {Kind.DATE: "YYYYMMDD", Kind.DATETIME: "YYYYMMDDHH24MISS"}.get(kind)
        if digits is not None:
            return f"to_char({self.expression(node)}, '{digits}')::numeric"
        return self.expression(node)

    def text(self, node: Node) -> str:
        """Write a value as text."""
        return f"({self.expression(node)})::text"

    def _time(self, node: Node) -> str:
        if type_of(node).is_temporal:
            return self.expression(node)
        return f"({self.expression(node)})::text::timestamp"

    def cast(self, node: Cast) -> str:
        """Write CAST."""
        kind, name = declared(node.to), node.to.partition("(")[0]
        if name in ("signed", "unsigned", "year"):
            return f"ROUND(({self.operand(node.arg)})::numeric)::bigint"
        if name in ("char", "nchar", "binary", "json"):
            width = node.to.partition("(")[2].rstrip(")")
            return f"left({self.text(node.arg)}, {width})" if width else self.text(node.arg)
        if kind.kind is Kind.DECIMAL:
            return f"ROUND(({self.operand(node.arg)})::numeric, {kind.scale or 0})"
        if kind.is_temporal:
            to = {Kind.DATE: "date", Kind.TIME: "time"}.get(kind.kind, "timestamp")
            return f"({self._time(node.arg)})::{to}"
        return f"({self.operand(node.arg)})::double precision"

    def call(self, node: Call) -> str:
        """Write a function."""
        name, args = node.name, node.args
        window = self._window(node)
        distinct = "DISTINCT " if node.distinct else ""
        if name == "COUNT":
            return self._count(node) + window
        if name in ("SUM", "AVG"):
            return f"{name}({distinct}{self.operand(args[0])}){window}"
        if name in ("MIN", "MAX"):
            return f"{name}({self.expression(args[0])}){window}"
        if name == "GROUP_CONCAT":
            return self._group_concat(node)
        if name in tables.SPREADS:
            return f"{tables.SPREADS[name]}({self.operand(args[0])}){window}"
        for known in (tables.CLOCKS, tables.CONSTANTS):
            if name in known:
                return known[name]
        if name in ("DATABASE", "SCHEMA"):
            return self.string(self.schema)
        if name == "ANY_VALUE":
            return f"MIN({self.expression(args[0])})"
        if name == "IF":
            one, other = self.branch(args[1], node), self.branch(args[2], node)
            return f"(CASE WHEN {self.condition(args[0])} THEN {one} ELSE {other} END)"
        if name in ("COALESCE", "IFNULL", "GREATEST", "LEAST"):
            listed = ", ".join(self.branch(arg, node) for arg in args)
            return f"{'COALESCE' if name == 'IFNULL' else name}({listed})"
        if name in tables.SAME:
            return f"{name}({', '.join(map(self.expression, args))}){window}"
        return self._scalar(node)

    def _scalar(self, node: Call) -> str:
        name, args = node.name, node.args
        if name in tables.TEXTS:
            counted = name in words("LEFT RIGHT REPEAT LPAD RPAD SUBSTRING SUBSTR MID")
            places = [
                f"({self.operand(arg)})::int" if counted and place == 1 else self.text(arg)
                for place, arg in enumerate(args)
            ]
            if name in ("SUBSTRING", "SUBSTR", "MID") and len(args) > 2:
                places[2] = f"({self.operand(args[2])})::int"
            return f"{tables.TEXTS[name]}({', '.join(places)})"
        if name in tables.PARTS:
            return f"EXTRACT({name} FROM {self._time(args[0])})::int"
        if name == "EXTRACT" and isinstance(args[0], Literal):
            return f"EXTRACT({args[0].value} FROM {self._time(args[1])})::int"
        if name in ("ROUND", "TRUNCATE"):
            digits = f"({self.operand(args[1])})::int" if len(args) > 1 else "0"
            function = "ROUND" if name == "ROUND" else "TRUNC"
            return f"{function}(({self.operand(args[0])})::numeric, {digits})"
        if name in ("CEIL", "CEILING", "FLOOR", "SQRT", "SIGN", "EXP", "LN", "POW", "POWER"):
            function = {"POW": "POWER"}.get(name, name)
            return f"{function}({', '.join(map(self.operand, args))})"
        if name == "MOD":
            one, other = map(self.operand, args)
            return f"(({one})::numeric % NULLIF({other}, 0)::numeric)"
        if name in ("INSTR", "LOCATE", "POSITION"):
            whole, needle = args[:2] if name == "INSTR" else reversed(args[:2])
            return f"strpos(upper({self.text(whole)}), upper({self.text(needle)}))"
        if name in ("DATE", "TIMESTAMP", "TIME"):
            return f"({self._time(args[0])})::{name.lower()}"
        if name == "DATEDIFF":
            return f"(({self._time(args[0])})::date - ({self._time(args[1])})::date)"
        if name in ("DATE_ADD", "DATE_SUB", "ADDDATE", "SUBDATE"):
            return self.shifted(args[0], args[1], "-" if "SUB" in name else "+")
        if name == "DATE_FORMAT" and isinstance(args[1], Literal):
            return f"to_char({self._time(args[0])}, {self._format(args[1].value)})"
        if name in ("DAYNAME", "MONTHNAME"):
            return f"to_char({self._time(args[0])}, 'FM{name[:-4].title()}')"
        if name in tables.TIMED and args:
            return tables.TIMED[name].format(self._time(args[0]))
        if name in tables.TEMPLATES:
            return tables.TEMPLATES[name].format(*map(self.text, args))
        if name == "TIMESTAMPDIFF" and isinstance(args[0], Literal):
            return self._difference(args[0].value, self._time(args[1]), self._time(args[2]))
        if name == "TIMESTAMPADD" and isinstance(args[0], Literal):
            return self.shifted(args[2], Interval(arg=args[1], unit=args[0].value), "+")
        if name == "SUBSTRING_INDEX":
            return self._piece(args)
        return _translated(name, tuple(map(self.expression, args)))

    @staticmethod
    def _difference(unit: str, one: str, other: str) -> str:
        if unit in tables.MONTHS:
            age = f"age({other}, {one})"
            months = f"(EXTRACT(YEAR FROM {age}) * 12 + EXTRACT(MONTH FROM {age}))"
            return f"TRUNC({months} / {tables.MONTHS[unit]})::bigint"
        return (
            f"TRUNC(EXTRACT(EPOCH FROM ({other} - {one})) / {tables.SECONDS.get(unit, 1)})::bigint"
        )

    def _piece(self, args: Sequence[Node]) -> str:
        text, separator = self.text(args[0]), self.text(args[1])
        count = f"({self.operand(args[2])})::int"
        parts = f"string_to_array({text}, {separator})"
        first = f"GREATEST(cardinality({parts}) + {count} + 1, 1)"
        begin = f"CASE WHEN {count} < 0 THEN {first} ELSE 1 END"
        end = f"CASE WHEN {count} < 0 THEN cardinality({parts}) ELSE {count} END"
        return f"array_to_string(({parts})[{begin}:{end}], {separator})"

    def shifted(self, value: Node, amount: Node, sign: str) -> str:
        """Write a date or time with an interval added or taken away."""
        unit = amount.unit if isinstance(amount, Interval) else "DAY"
        count = self.operand(amount.arg if isinstance(amount, Interval) else amount)
        text = f"({self._time(value)} {sign} ({count}) * INTERVAL '1 {unit}')"
        whole = type_of(value).kind is Kind.DATE and unit not in ("HOUR", "MINUTE", "SECOND")
        return f"{text}::date" if whole else text

    def _format(self, pattern: str) -> str:
        parts, quoted = [], False
        for place, character in enumerate(pattern):
            if quoted:
                parts.append(tables.FORMATS.get(character, character))
            elif character != "%":
                parts.append(f'"{character}"' if character.isalpha() else character)
            quoted = character == "%" and not quoted and place + 1 < len(pattern)
        return self.string("".join(parts))

    def _count(self, node: Call) -> str:
        if not node.args:
            return "COUNT(*)"
        distinct = "DISTINCT " if node.distinct else ""
        texts = [self.expression(arg) for arg in node.args]
        if len(texts) == 1:
            return f"COUNT({distinct}{texts[0]})"
        there = " AND ".join(f"{text} IS NOT NULL" for text in texts)
        return f"COUNT({distinct}({', '.join(texts)})) FILTER (WHERE {there})"

    def _group_concat(self, node: Call) -> str:
        separator = self.string("," if node.separator is None else node.separator)
        value = " || ".join(self.text(arg) for arg in node.args)
        distinct = "DISTINCT " if node.distinct else ""
        order = "" if node.distinct else ", ".join(map(self.term, node.order))
        return f"string_agg({distinct}{value}, {separator}{f' ORDER BY {order}' if order else ''})"

    def _window(self, node: Call) -> str:
        if node.window is None:
            return ""
        parts = []
        if node.window.partition:
            parts.append(f"PARTITION BY {self._listed(node.window.partition)}")
        if node.window.order:
            parts.append(f"ORDER BY {', '.join(map(self.term, node.window.order))}")
        parts.append(node.window.frame)
        return f" OVER ({' '.join(part for part in parts if part)})"

    def _listed(self, nodes: Sequence[Node]) -> str:
        return ", ".join(map(self.expression, nodes))


def _translated(name: str, args: tuple[str, ...]) -> str:
    text = _pattern(name, len(args))
    for place, arg in enumerate(args):
        text = text.replace(f"asynccode_{place}_", f"({arg})")
    return text


@lru_cache(maxsize=512)
def _pattern(name: str, count: int) -> str:
    """Let sqlglot translate a call of a function, with names in the place of its arguments."""
    try:
        import sqlglot  # heavy, and for few functions
        from sqlglot.errors import SqlglotError
    except ImportError as error:
        raise unsupported(f"{name}()") from error
    names = ", ".join(f"asynccode_{place}_" for place in range(count))
    try:
        found: str = sqlglot.transpile(f"SELECT {name}({names})", read="mysql", write="postgres")[0]
    except SqlglotError as error:
        raise unsupported(f"{name}()") from error
    return found.removeprefix("SELECT ")
