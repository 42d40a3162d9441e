"""The type of an expression, from the types of its parts."""

from __future__ import annotations

from collections.abc import Callable

from asynccode.mysql import types as t
from asynccode.mysql.nodes import (
    Call,
    Case,
    Cast,
    Column,
    Interval,
    Literal,
    Node,
    Operator,
    Subquery,
)
from asynccode.mysql.types import Kind, SqlType
from asynccode.mysql.words import words

_INTEGER = words(
    """
    COUNT LENGTH CHAR_LENGTH CHARACTER_LENGTH OCTET_LENGTH BIT_LENGTH YEAR MONTH DAY DAYOFMONTH
    DAYOFWEEK DAYOFYEAR WEEK WEEKDAY WEEKOFYEAR YEARWEEK QUARTER HOUR MINUTE SECOND MICROSECOND
    DATEDIFF TIMESTAMPDIFF TO_DAYS TO_SECONDS TIME_TO_SEC UNIX_TIMESTAMP PERIOD_DIFF INSTR LOCATE
    POSITION FIND_IN_SET FIELD STRCMP SIGN ISNULL ASCII ORD CRC32 EXTRACT ROW_NUMBER RANK
    DENSE_RANK NTILE BIT_COUNT BIT_AND BIT_OR BIT_XOR REGEXP_LIKE REGEXP_INSTR INTERVAL
    CONNECTION_ID GROUPING FOUND_ROWS ROW_COUNT LAST_INSERT_ID SLEEP
    """
)
_REAL = words(
    """
    SQRT POW POWER EXP LN LOG LOG2 LOG10 SIN COS TAN COT ASIN ACOS ATAN ATAN2 RADIANS DEGREES
    RAND STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP PI CUME_DIST PERCENT_RANK
    """
)
_FIRST = words("MIN MAX ANY_VALUE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE ABS NULLIF")
_MERGED = words("COALESCE IFNULL GREATEST LEAST")
_DATES = words("CURDATE CURRENT_DATE UTC_DATE DATE LAST_DAY FROM_DAYS MAKEDATE")
_DATETIMES = words("NOW CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP SYSDATE UTC_TIMESTAMP TIMESTAMP")
_TIMES = words("CURTIME CURRENT_TIME UTC_TIME TIMEDIFF SEC_TO_TIME MAKETIME TIME")
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "div"})


def infer(node: Node) -> SqlType:
    """Give the type of a node whose parts have theirs."""
    for kind, find in _FINDERS:
        if isinstance(node, kind):
            return find(node)
    return t.TEXT


def type_of(node: Node) -> SqlType:
    """Give the type that was found."""
    return node.type or t.TEXT


def _column(node: Column) -> SqlType:
    if node.item is not None:
        return type_of(node.item)
    return node.field.type if node.field is not None else t.TEXT


def _literal(node: Literal) -> SqlType:
    if node.kind in ("int", "bool", "hex"):
        return t.INT
    if node.kind == "decimal":
        return t.decimal(len(node.value.partition(".")[2]))
    if node.kind in ("date", "time"):
        return t.DATE if node.kind == "date" else t.TIME
    return {"float": t.DOUBLE, "null": t.NULL, "timestamp": t.DATETIME}.get(node.kind, t.TEXT)


def _operator(node: Operator) -> SqlType:
    name, args = node.name, [type_of(arg) for arg in node.args]
    if name in _ARITHMETIC:
        left, right = args if len(args) == 2 else (args[0], t.INT)
        if any(isinstance(arg, Interval) for arg in node.args):
            return left if left.is_temporal else t.TEXT
        return t.arithmetic(left, right, name)
    if name in ("neg", "pos"):
        return args[0] if args[0].is_number else t.DOUBLE
    if name == "binary":
        return t.TEXT
    return t.INT


def _case(node: Case) -> SqlType:
    found = [type_of(value) for _, value in node.branches]
    if node.default is not None:
        found.append(type_of(node.default))
    return t.merged(found)


def _cast(node: Cast) -> SqlType:
    name = node.to.partition("(")[0]
    if name in ("signed", "unsigned", "year"):
        return t.INT
    if name in ("binary", "nchar", "json", "char"):
        return t.TEXT
    return t.declared(node.to)


def _subquery(node: Subquery) -> SqlType:
    return node.type if node.role == "scalar" and node.type is not None else t.INT


def _call(node: Call) -> SqlType:
    name, args = node.name, [type_of(arg) for arg in node.args]
    if name in _INTEGER:
        return t.INT
    if name in _REAL:
        return t.DOUBLE
    if name == "SUM":
        return t.summed(args[0])
    if name == "AVG":
        return t.averaged(args[0])
    if name in _FIRST and args:
        return args[0] if args[0].is_number or name != "ABS" else t.DOUBLE
    if name in _MERGED:
        return t.merged(args)
    if name == "IF":
        return t.merged(args[1:])
    if name in ("ROUND", "TRUNCATE"):
        return _rounded(node, args[0] if args else t.INT)
    if name in ("CEIL", "CEILING", "FLOOR"):
        return t.INT if args and args[0].is_exact else t.DOUBLE
    if name == "MOD":
        return t.arithmetic(args[0], args[1], "%")
    return _temporal(node, args)


def _temporal(node: Call, args: list[SqlType]) -> SqlType:
    name = node.name
    if name in _DATES:
        return t.DATE
    if name in _DATETIMES:
        return t.DATETIME
    if name in _TIMES:
        return t.TIME
    if name in ("DATE_ADD", "DATE_SUB", "ADDDATE", "SUBDATE", "TIMESTAMPADD") and args:
        given = args[-1] if name == "TIMESTAMPADD" else args[0]
        return given if given.is_temporal else t.TEXT
    if name == "FROM_UNIXTIME" and len(args) == 1:
        return t.DATETIME
    if name == "STR_TO_DATE":
        pattern = node.args[1]
        written = pattern.value if isinstance(pattern, Literal) else ""
        return t.DATETIME if any(f"%{c}" in written for c in "HhiIsSTkl") else t.DATE
    return t.TEXT


def _rounded(node: Call, of: SqlType) -> SqlType:
    digits = node.args[1] if len(node.args) > 1 else None
    places = int(digits.value) if isinstance(digits, Literal) and digits.kind == "int" else 0
    if of.kind is Kind.DECIMAL:
        return t.decimal(min(of.scale or 0, places))
    if of.kind is Kind.INT:
        return t.INT
    return SqlType(Kind.DOUBLE, places) if digits is None or places else t.DOUBLE


_FINDERS: tuple[tuple[type[Node], Callable[..., SqlType]], ...] = (
    (Column, _column),
    (Literal, _literal),
    (Operator, _operator),
    (Call, _call),
    (Case, _case),
    (Cast, _cast),
    (Subquery, _subquery),
)
