"""MySQL's types, as far as they decide how a value looks: what the client would be given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from attrs import frozen


class Kind(StrEnum):
    """The kinds of value that the client tells apart."""

    INT = "int"
    DECIMAL = "decimal"
    DOUBLE = "double"
    FLOAT = "float"
    """32 bits: six significant digits are shown."""
    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    NULL = "null"


@frozen
class SqlType:
    """The type of an expression."""

    kind: Kind
    scale: int | None = None
    """Digits after the point: of a decimal always, of a float or double if they are fixed."""

    @property
    def is_number(self) -> bool:
        """Whether it compares as a number with a text."""
        return self.kind in NUMBERS

    @property
    def is_exact(self) -> bool:
        """Whether it is an integer or a decimal."""
        return self.kind in (Kind.INT, Kind.DECIMAL)

    @property
    def is_temporal(self) -> bool:
        """Whether it is a date, a time or both."""
        return self.kind in (Kind.DATE, Kind.DATETIME, Kind.TIME)


NUMBERS = frozenset({Kind.INT, Kind.DECIMAL, Kind.DOUBLE, Kind.FLOAT})
INT = SqlType(Kind.INT)
DOUBLE = SqlType(Kind.DOUBLE)
TEXT = SqlType(Kind.TEXT)
DATE = SqlType(Kind.DATE)
DATETIME = SqlType(Kind.DATETIME)
TIME = SqlType(Kind.TIME)
NULL = SqlType(Kind.NULL)

DIVISION_DIGITS = 4
"""`div_precision_increment`: what a division adds to the scale of what is divided."""
MAX_SCALE = 30
_DECLARED = re.compile(r"\s*(\w+)(?:\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")
_INTS = frozenset({"int", "integer", "tinyint", "smallint", "mediumint", "bigint", "bool", "year"})
_DECIMALS = frozenset({"decimal", "numeric", "dec", "fixed"})
_DOUBLES = frozenset({"double", "real"})


def decimal(scale: int) -> SqlType:
    """Give the type of a decimal with so many digits after the point."""
    return SqlType(Kind.DECIMAL, min(scale, MAX_SCALE))


def declared(text: str) -> SqlType:
    """Read a type as it is declared (`float(10,2)`); what is not known here is text."""
    found = _DECLARED.match(text)
    name = found[1].lower() if found else ""
    scale = int(found[3]) if found and found[3] else None
    if name in _INTS:
        return INT
    if name in _DECIMALS:
        return decimal(scale or 0)
    if name in _DOUBLES:
        return SqlType(Kind.DOUBLE, scale)
    if name == "float":
        return SqlType(Kind.FLOAT, scale)
    if name in ("datetime", "timestamp"):
        return DATETIME
    return {"date": DATE, "time": TIME}.get(name, TEXT)


def merged(types: Iterable[SqlType]) -> SqlType:
    """Give the type of a CASE, a COALESCE or a column of a UNION from those of its branches."""
    found = [type_ for type_ in types if type_.kind is not Kind.NULL]
    if not found:
        return NULL
    kinds = {type_.kind for type_ in found}
    if len(kinds) == 1:
        scales = {type_.scale for type_ in found}
        if found[0].kind is Kind.DECIMAL:
            return decimal(max(type_.scale or 0 for type_ in found))
        return found[0] if len(scales) == 1 else SqlType(found[0].kind)
    if kinds <= {Kind.INT, Kind.DECIMAL}:
        return decimal(max(type_.scale or 0 for type_ in found))
    if kinds <= NUMBERS:
        return DOUBLE
    if kinds <= {Kind.DATE, Kind.DATETIME, Kind.TIME}:
        return DATETIME
    return TEXT


def arithmetic(left: SqlType, right: SqlType, operator: str) -> SqlType:
    """Give the type of `left operator right` for `+ - * / %` and `div`."""
    left, right = (
        INT if side.is_temporal or side.kind is Kind.NULL else side for side in (left, right)
    )
    if operator == "div":
        return INT
    scales = (left.scale or 0), (right.scale or 0)
    if not (left.is_exact and right.is_exact):
        fixed = all(
            side.is_exact or (side.kind in (Kind.FLOAT, Kind.DOUBLE) and side.scale is not None)
            for side in (left, right)
        )
        more = {"*": sum(scales), "/": scales[0] + DIVISION_DIGITS}.get(operator, max(scales))
        return SqlType(Kind.DOUBLE, more) if fixed else DOUBLE
    if operator == "/":
        return decimal(scales[0] + DIVISION_DIGITS)
    if left.kind is right.kind is Kind.INT:
        return INT
    return decimal(sum(scales) if operator == "*" else max(scales))


def summed(type_: SqlType) -> SqlType:
    """Give the type of SUM over values of a type."""
    if type_.is_exact:
        return decimal(type_.scale or 0)
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return SqlType(Kind.DOUBLE, type_.scale)
    return decimal(0) if type_.is_temporal else DOUBLE


def averaged(type_: SqlType) -> SqlType:
    """Give the type of AVG over values of a type."""
    if type_.is_exact or type_.is_temporal:
        return decimal((type_.scale or 0) + DIVISION_DIGITS)
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE) and type_.scale is not None:
        return SqlType(Kind.DOUBLE, type_.scale + DIVISION_DIGITS)
    return DOUBLE
