"""Values as MySQL's Python client gives them, whichever engine they come from."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from asynccode.mysql.types import Kind, SqlType

Convert = Callable[[Any], Any]
Row = tuple[Any, ...]


def _integer(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (float, Decimal)):
        return int(Decimal(repr(value) if isinstance(value, float) else value).to_integral_value())
    return value


def _decimal(scale: int) -> Convert:
    unit = Decimal(1).scaleb(-scale)

    def convert(value: Any) -> Any:
        if isinstance(value, (int, float, Decimal)):
            number = value if isinstance(value, Decimal) else Decimal(repr(value + 0))
            return number.quantize(unit, ROUND_HALF_UP) if number.is_finite() else value
        return value

    return convert


def _double(scale: int | None) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, (int, Decimal)):
            value = float(value)
        if scale is not None and isinstance(value, float) and math.isfinite(value):
            return round(value, scale)
        return value

    return convert


def _float(scale: int | None) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, (int, float, Decimal)):
            number = float(value)
            return float(f"{number:.6g}") if scale is None else round(number, scale)
        return value

    return convert


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def _date(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value[:10])
        except ValueError:
            return None if value.startswith("0000") else value
    return value


def _datetime(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time())
    if isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            return None if value.startswith("0000") else value
    return value


def _time(value: Any) -> Any:
    if isinstance(value, dt.time):
        value = value.isoformat()
    if isinstance(value, str):
        try:
            hours, minutes, seconds = value.split(":")
            return dt.timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        except ValueError:
            return value
    return value


def _same(value: Any) -> Any:
    return value


@lru_cache(maxsize=256)
def converter(type_: SqlType) -> Convert:
    """Give the function that turns an engine's value of a type into the client's."""
    if type_.kind is Kind.DECIMAL:
        return _decimal(type_.scale or 0)
    if type_.kind is Kind.DOUBLE:
        return _double(type_.scale)
    if type_.kind is Kind.FLOAT:
        return _float(type_.scale)
    return {
        Kind.INT: _integer,
        Kind.TEXT: _text,
        Kind.DATE: _date,
        Kind.DATETIME: _datetime,
        Kind.TIME: _time,
    }.get(type_.kind, _same)


def converted(rows: Sequence[Sequence[Any]], types: Sequence[SqlType]) -> list[Row]:
    """Give an engine's rows as MySQL's client gives rows of those types."""
    converters = [converter(type_) for type_ in types]
    return [
        tuple([convert(value) for convert, value in zip(converters, row, strict=False)])
        for row in rows
    ]
