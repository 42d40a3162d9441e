"""MySQL's functions in SQLite's SQL; those named `my_...` are in `functions.py`."""

from __future__ import annotations

from collections.abc import Sequence

from asynccode.mysql.errors import unsupported
from asynccode.mysql.functions import FUNCTIONS, LENIENT
from asynccode.mysql.infer import type_of
from asynccode.mysql.nodes import Call, Cast, Column, Interval, Literal, Node
from asynccode.mysql.queries import Generator
from asynccode.mysql.types import Kind, declared
from asynccode.mysql.words import words

_SAME = words(
    """
    COALESCE NULLIF ABS LOWER UPPER RANK DENSE_RANK ROW_NUMBER NTILE LAG LEAD FIRST_VALUE
    LAST_VALUE NTH_VALUE CUME_DIST PERCENT_RANK
    """
)
_RENAMED = {"IFNULL": "COALESCE", "LCASE": "LOWER", "UCASE": "UPPER"}
_CLOCKS = {
    **dict.fromkeys(("CURDATE", "CURRENT_DATE", "UTC_DATE"), "date('now')"),
    **dict.fromkeys(("CURTIME", "CURRENT_TIME", "UTC_TIME"), "time('now')"),
    **dict.fromkeys(
        ("NOW", "SYSDATE", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "UTC_TIMESTAMP"),
        "datetime('now')",
    ),
}
_CONSTANTS = {
    "RAND": "(ABS(RANDOM() % 1000000007) / 1000000007.0)",
    "PI": "3.141593",
    "VERSION": "'8.0.33'",
    "CONNECTION_ID": "1",
    "USER": "'admin@localhost'",
    "CURRENT_USER": "'admin@%'",
    "FOUND_ROWS": "1",
    "ROW_COUNT": "-1",
    "LAST_INSERT_ID": "0",
}
_PARTS = {"YEAR": "%Y", "MONTH": "%m", "DAY": "%d", "DAYOFMONTH": "%d", "HOUR": "%H"}
_STATISTICS = words(
    "STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP BIT_AND BIT_OR BIT_XOR"
)

_NUMERIC = words("ROUND TRUNCATE FLOOR CEIL CEILING SQRT POW POWER MOD EXP LN LOG10 SIGN")


class SqliteCalls(Generator):
    """Writes functions for SQLite."""

    def text(self, node: Node) -> str:
        """Write a value as the text that MySQL makes of it."""
        type_ = type_of(node)
        if type_.kind is Kind.DECIMAL:
            return f"printf('%.{type_.scale or 0}f', {self.expression(node)})"
        if type_.kind in (Kind.DOUBLE, Kind.FLOAT):
            return f"my_text({self.expression(node)})"
        return self.expression(node)

    def operand(self, node: Node) -> str:
        """Write a value as the number that MySQL makes of it: a date is its digits."""
        kind = type_of(node).kind
        if kind is Kind.TEXT and not isinstance(node, Interval):
            return self.number(node)
        digits = {Kind.DATE: "%Y%m%d", Kind.DATETIME: "%Y%m%d%H%M%S", Kind.TIME: "%H%M%S"}.get(kind)
        if digits is not None:
            return f"CAST(strftime('{digits}', {self.expression(node)}) AS INTEGER)"
        return self.expression(node)

    def cast(self, node: Cast) -> str:
        """Write CAST."""
        kind = declared(node.to)
        name = node.to.partition("(")[0]
        if name in ("signed", "unsigned", "year"):
            value = self.number(node.arg) if type_of(node.arg).kind is Kind.TEXT else None
            return f"CAST(ROUND({value or self.expression(node.arg)}) AS INTEGER)"
        if name in ("char", "nchar", "binary"):
            width = node.to.partition("(")[2].rstrip(")")
            text = f"CAST({self.text(node.arg)} AS TEXT)"
            return f"substr({text}, 1, {width})" if width else text
        if kind.kind is Kind.DECIMAL:
            return f"ROUND({self.operand(node.arg)}, {kind.scale or 0})"
        if kind.is_temporal:
            return f"my_moment({self.expression(node.arg)}, '{kind.kind}')"
        return f"CAST({self.expression(node.arg)} AS REAL)"

    def call(self, node: Call) -> str:
        """Write a function: SQLite's own where it does the same."""
        name = node.name
        window = self._window(node)
        if name == "COUNT":
            return self._count(node) + window
        if name in ("SUM", "AVG"):
            distinct = "DISTINCT " if node.distinct else ""
            return f"{name}({distinct}{self.operand(node.args[0])}){window}"
        if name in ("MIN", "MAX"):
            text = self.expression(node.args[0])
            if type_of(node.args[0]).kind is Kind.TEXT:
                text += " COLLATE mysql" if is_folded(node.args[0]) else " COLLATE NOCASE"
            return f"{name}({text}){window}"
        if name == "GROUP_CONCAT":
            return self._group_concat(node)
        if name in _STATISTICS:
            return f"my_{name.lower()}({self.operand(node.args[0])})"
        if name in _CLOCKS:
            return _CLOCKS[name]
        if name in ("DATABASE", "SCHEMA"):
            return self.string(self.schema)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name == "ANY_VALUE":
            return self.expression(node.args[0])
        if name == "IF":
            condition, one, other = node.args
            return (
                f"(CASE WHEN {self.condition(condition)} THEN {self.expression(one)} "
                f"ELSE {self.expression(other)} END)"
            )
        if name in _PARTS:
            return f"CAST(strftime('{_PARTS[name]}', {self.expression(node.args[0])}) AS INTEGER)"
        if name in ("GREATEST", "LEAST"):
            return f"{'MAX' if name == 'GREATEST' else 'MIN'}({self._list(node.args)})"
        name = _RENAMED.get(name, name)
        if name in _SAME:
            return f"{name}({self._list(node.args)}){window}"
        if name in ("DATE_ADD", "DATE_SUB", "ADDDATE", "SUBDATE"):
            return self._shifted(node)
        if name.lower() not in FUNCTIONS and name.lower() not in LENIENT:
            raise unsupported(f"{node.written}()")
        write = self.operand if name in _NUMERIC else self.text
        return f"my_{name.lower()}({', '.join(map(write, node.args))})"

    def _shifted(self, node: Call) -> str:
        value, amount = node.args
        unit = amount.unit if isinstance(amount, Interval) else "DAY"
        sign = "-" if "SUB" in node.name else ""
        return f"my_date_add({self.expression(value)}, {sign}{self.expression(amount)}, '{unit}')"

    def _list(self, nodes: Sequence[Node]) -> str:
        return ", ".join(map(self.expression, nodes))

    def _count(self, node: Call) -> str:
        if not node.args:
            return "COUNT(*)"
        distinct = "DISTINCT " if node.distinct else ""
        texts = [self.distinct_item(arg) for arg in node.args]
        if len(texts) == 1:
            return f"COUNT({distinct}{texts[0]})"
        missing = " OR ".join(f"{text} IS NULL" for text in texts)
        key = " || char(0) || ".join(f"UPPER({text})" for text in texts)
        return f"COUNT({distinct}CASE WHEN {missing} THEN NULL ELSE {key} END)"

    def _group_concat(self, node: Call) -> str:
        separator = self.string("," if node.separator is None else node.separator)
        value = " || ".join(self.text(arg) for arg in node.args)
        keys = [
            f"{self.expression(term.expression)}, {int(term.descending)}" for term in node.order
        ]
        args = ", ".join([value, separator, str(int(node.distinct)), *keys])
        return f"my_group_concat({args})"

    def _window(self, node: Call) -> str:
        if node.window is None:
            return ""
        parts = []
        if node.window.partition:
            texts = map(self.distinct_item, node.window.partition)
            parts.append(f"PARTITION BY {', '.join(texts)}")
        if node.window.order:
            parts.append(f"ORDER BY {', '.join(map(self.term, node.window.order))}")
        parts.append(node.window.frame)
        return f" OVER ({' '.join(part for part in parts if part)})"


def is_folded(node: Node) -> bool:
    """Whether an expression's texts may need MySQL's own comparison."""
    if isinstance(node, Column):
        return node.field.folded if node.field is not None else False
    if isinstance(node, Literal):
        return not node.value.isascii() or node.value.endswith(" ")
    return any(is_folded(child) for child in node.children())
