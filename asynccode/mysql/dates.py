"""MySQL's functions of dates and times; they are kept as texts in ISO's form."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from asynccode.mysql.numbers import number, text
from asynccode.mysql.types import Kind

_DATE = re.compile(
    r"\s*(\d{2,4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d+)?)?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?$")


def parsed(value: Any) -> dt.datetime | None:
    """Read a date or a time as MySQL does."""
    found = _DATE.match(str(value)) or _COMPACT.match(str(value))
    if found is None:
        return None
    parts = [int(part or 0) for part in found.groups()[:6]]
    if len(found[1]) == 2:
        parts[0] += 2000 if parts[0] < 70 else 1900
    try:
        return dt.datetime(*parts)  # type: ignore[arg-type]
    except ValueError:
        return None


def moment(value: Any, kind: str) -> str | None:
    """Give a date or a time in the form in which it is kept."""
    if kind == Kind.TIME:
        found = re.search(r"(\d{1,2}):(\d{2})(?::(\d{2}))?$", str(value))
        return f"{int(found[1]):02d}:{found[2]}:{found[3] or '00'}" if found else None
    when = parsed(value)
    if when is None:
        return None
    if kind == Kind.DATE and (when.hour or when.minute or when.second):
        return when.strftime("%Y-%m-%d %H:%M:%S")
    return when.strftime("%Y-%m-%d" if kind == Kind.DATE else "%Y-%m-%d %H:%M:%S")


def _dated(use: Callable[[dt.datetime], Any]) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        when = parsed(value)
        return None if when is None else use(when)

    return call


def _date_diff(left: Any, right: Any) -> int | None:
    one, other = parsed(left), parsed(right)
    return None if one is None or other is None else (one.date() - other.date()).days


def date_add(value: Any, amount: Any, unit: str) -> str | None:
    """Add an interval to a date or a time."""
    when = parsed(value)
    if when is None:
        return None
    count = number(amount)
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(unit)
    try:
        if months:
            total = when.year * 12 + when.month - 1 + int(count) * months
            year, month = divmod(total, 12)
            last = calendar.monthrange(year, month + 1)[1]
            when = when.replace(year=year, month=month + 1, day=min(when.day, last))
        else:
            seconds = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 604800}
            when += dt.timedelta(seconds=seconds.get(unit, 86400) * count)
    except (ValueError, OverflowError):
        return None
    timed = unit in ("SECOND", "MINUTE", "HOUR") or len(str(value).strip()) > 10
    return when.strftime("%Y-%m-%d %H:%M:%S" if timed else "%Y-%m-%d")


def _timestamp_diff(unit: str, left: Any, right: Any) -> int | None:
    one, other = parsed(left), parsed(right)
    if one is None or other is None:
        return None
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(unit)
    if months:
        sign = 1 if other >= one else -1
        low, high = (one, other) if sign > 0 else (other, one)
        whole = (high.year - low.year) * 12 + high.month - low.month
        short = (high.day, high.time()) < (low.day, low.time())
        return sign * ((whole - short) // months)
    seconds = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 604800}
    return int((other - one).total_seconds() / seconds.get(unit, 86400))


_DIRECTIVES: dict[str, Callable[[dt.datetime], Any]] = {
    "c": lambda d: d.month,
    "D": lambda d: f"{d.day}{_ordinal(d.day)}",
    "e": lambda d: d.day,
    "h": lambda d: f"{(d.hour - 1) % 12 + 1:02d}",
    "I": lambda d: f"{(d.hour - 1) % 12 + 1:02d}",
    "i": lambda d: f"{d.minute:02d}",
    "k": lambda d: d.hour,
    "l": lambda d: (d.hour - 1) % 12 + 1,
    "M": lambda d: d.strftime("%B"),
    "r": lambda d: d.strftime("%I:%M:%S %p"),
    "s": lambda d: f"{d.second:02d}",
    "T": lambda d: d.strftime("%H:%M:%S"),
    "W": lambda d: d.strftime("%A"),
    "x": lambda d: d.isocalendar()[0],
    "v": lambda d: f"{d.isocalendar()[1]:02d}",
}


def _ordinal(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _date_format(value: Any, pattern: Any) -> str | None:
    when = parsed(value)
    if when is None:
        return None

    def one(found: re.Match[str]) -> str:
        letter = found[1]
        if letter in _DIRECTIVES:
            return str(_DIRECTIVES[letter](when))
        return when.strftime(f"%{letter}") if letter in "YymdHSpabjfUuVwj" else letter

    return re.sub(r"%(.)", one, text(pattern))


def _str_to_date(value: Any, pattern: Any) -> str | None:
    names = {
        "i": "%M",
        "s": "%S",
        "M": "%B",
        "e": "%d",
        "c": "%m",
        "h": "%I",
        "k": "%H",
        "T": "%H:%M:%S",
    }
    wanted = re.sub(r"%(.)", lambda m: names.get(m[1], f"%{m[1]}"), text(pattern))
    try:
        when = dt.datetime.strptime(text(value), wanted)
    except ValueError:
        return None
    timed = any(f"%{c}" in wanted for c in "HIMSp")
    return when.strftime("%Y-%m-%d %H:%M:%S" if timed else "%Y-%m-%d")


def _extract(unit: str, value: Any) -> int | None:
    when = parsed(value)
    if when is None:
        return None
    return {"QUARTER": (when.month + 2) // 3, "WEEK": int(when.strftime("%U"))}.get(
        unit, getattr(when, unit.lower(), None)
    )


DATES: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "date": _dated(lambda when: when.strftime("%Y-%m-%d")),
    "time": lambda value: moment(value, "time"),
    "timestamp": _dated(lambda when: when.strftime("%Y-%m-%d %H:%M:%S")),
    "minute": _dated(lambda when: when.minute),
    "second": _dated(lambda when: when.second),
    "quarter": _dated(lambda when: (when.month + 2) // 3),
    "week": _dated(lambda when: int(when.strftime("%U"))),
    "weekofyear": _dated(lambda when: when.isocalendar()[1]),
    "weekday": _dated(lambda when: when.weekday()),
    "dayofweek": _dated(lambda when: (when.weekday() + 1) % 7 + 1),
    "dayofyear": _dated(lambda when: when.timetuple().tm_yday),
    "dayname": _dated(lambda when: when.strftime("%A")),
    "monthname": _dated(lambda when: when.strftime("%B")),
    "last_day": _dated(
        lambda when: when.replace(day=calendar.monthrange(when.year, when.month)[1]).strftime(
            "%Y-%m-%d"
        )
    ),
    "to_days": _dated(lambda when: when.toordinal() + 365),
    "unix_timestamp": _dated(lambda when: int(when.replace(tzinfo=dt.UTC).timestamp())),
    "datediff": _date_diff,
    "date_add": date_add,
    "timestampdiff": _timestamp_diff,
    "timestampadd": lambda unit, amount, value: date_add(value, amount, unit),
    "date_format": _date_format,
    "str_to_date": _str_to_date,
    "extract": _extract,
}
"""By name."""
