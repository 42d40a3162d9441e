"""MySQL's functions for an engine that calls Python: one value in, one value out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from asynccode.mysql.dates import DATES
from asynccode.mysql.likes import KEPT, folded, kept, like
from asynccode.mysql.numbers import number, text
from asynccode.mysql.regexps import fits


def _rounded(value: Any, places: Any = 0, mode: str = ROUND_HALF_UP) -> Any:
    found, places = number(value), int(places)
    if isinstance(found, int) and places >= 0:
        return found
    if not math.isfinite(found):
        return found
    exact = Decimal(repr(found)).quantize(Decimal(1).scaleb(-places), mode)
    return int(exact) if isinstance(found, int) else float(exact)


def _truncated(value: Any, places: Any = 0) -> Any:
    return _rounded(value, places, ROUND_DOWN)


def _mod(left: Any, right: Any) -> Any:
    return math.fmod(number(left), number(right)) if number(right) else None


def _substring(value: Any, start: Any, count: Any = None) -> str:
    whole, first = text(value), int(number(start))
    if first == 0 or (count is not None and number(count) <= 0):
        return ""
    begin = first - 1 if first > 0 else max(len(whole) + first, 0)
    if first < 0 and -first > len(whole):
        return ""
    return whole[begin:] if count is None else whole[begin : begin + int(number(count))]


def _substring_index(value: Any, separator: Any, count: Any) -> str:
    parts, wanted = text(value).split(text(separator)), int(count)
    kept = parts[:wanted] if wanted >= 0 else parts[wanted:]
    return text(separator).join(kept) if abs(wanted) < len(parts) else text(value)


def _locate(needle: Any, whole: Any, start: Any = 1) -> int:
    return text(whole).upper().find(text(needle).upper(), int(start) - 1) + 1


def _trim(value: Any, of: Any = " ", *, left: bool = True, right: bool = True) -> str:
    whole, piece = text(value), text(of)
    while left and piece and whole.startswith(piece):
        whole = whole[len(piece) :]
    while right and piece and whole.endswith(piece):
        whole = whole[: -len(piece)]
    return whole


def _padded(value: Any, width: Any, filler: Any, *, left: bool) -> str | None:
    whole, size, fill = text(value), int(width), text(filler)
    missing = size - len(whole)
    if missing <= 0:
        return whole[:size]
    if not fill:
        return None
    pad = (fill * (min(missing, 1 << 20) // len(fill) + 1))[:missing]
    return pad + whole if left else whole + pad


def _format(value: Any, places: Any, _locale: Any = None) -> str:
    exact = Decimal(repr(number(value))).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP)
    return f"{exact:,}"


def _regexp(value: Any, pattern: Any, _mode: Any = None) -> int:
    return int(fits(text(value), text(pattern)))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "text": text,
    "like": lambda value, pattern, escape: int(like(text(value), text(pattern), escape)),
    "regexp_like": _regexp,
    "mod": _mod,
    "round": _rounded,
    "truncate": _truncated,
    "ceil": lambda value: math.ceil(number(value)),
    "ceiling": lambda value: math.ceil(number(value)),
    "floor": lambda value: math.floor(number(value)),
    "sqrt": lambda value: math.sqrt(number(value)) if number(value) >= 0 else None,
    "pow": lambda value, power: number(value) ** number(power),
    "power": lambda value, power: number(value) ** number(power),
    "exp": lambda value: math.exp(number(value)),
    "ln": lambda value: math.log(number(value)) if number(value) > 0 else None,
    "log10": lambda value: math.log10(number(value)) if number(value) > 0 else None,
    "sign": lambda value: (number(value) > 0) - (number(value) < 0),
    "length": lambda value: len(text(value).encode()),
    "char_length": lambda value: len(text(value)),
    "character_length": lambda value: len(text(value)),
    "concat": lambda *values: "".join(map(text, values)),
    "left": lambda value, count: text(value)[: max(int(number(count)), 0)],
    "right": lambda value, count: text(value)[-int(count) :] if number(count) > 0 else "",
    "substring": _substring,
    "substr": _substring,
    "mid": _substring,
    "substring_index": _substring_index,
    "locate": _locate,
    "position": _locate,
    "instr": lambda whole, needle: _locate(needle, whole),
    "replace": lambda value, old, new: (
        text(value).replace(text(old), text(new)) if old != "" else text(value)
    ),
    "reverse": lambda value: text(value)[::-1],
    "repeat": lambda value, count: text(value) * min(max(int(count), 0), 1 << 16),
    "space": lambda count: " " * min(max(int(count), 0), 1 << 20),
    "trim": _trim,
    "ltrim": lambda value, of=" ": _trim(value, of, right=False),
    "rtrim": lambda value, of=" ": _trim(value, of, left=False),
    "lpad": lambda value, width, filler: _padded(value, width, filler, left=True),
    "rpad": lambda value, width, filler: _padded(value, width, filler, left=False),
    "format": _format,
    "ascii": lambda value: text(value).encode()[0] if text(value) else 0,
    "strcmp": lambda one, other: (
        (text(one).upper() > text(other).upper()) - (text(one).upper() < text(other).upper())
    ),
    **DATES,
}
"""Functions of which any argument that is NULL makes the result NULL, by name."""


def _concat_ws(separator: Any, *values: Any) -> str | None:
    if separator is None:
        return None
    return text(separator).join(text(value) for value in values if value is not None)


def _field(wanted: Any, *values: Any) -> int:
    found = [text(value).upper() if value is not None else None for value in values]
    return (
        found.index(text(wanted).upper()) + 1
        if wanted is not None and text(wanted).upper() in found
        else 0
    )


def _key(value: Any) -> str | None:
    # Called for every row that is compared: texts, as most values are, go the shortest way.
    if type(value) is str and len(value) <= KEPT:
        return kept(value)
    return None if value is None else folded(text(value))


LENIENT: dict[str, Callable[..., Any]] = {
    "key": _key,
    "concat_ws": _concat_ws,
    "field": _field,
    "isnull": lambda value: int(value is None),
    "elt": lambda place, *values: values[int(place) - 1] if 0 < place <= len(values) else None,
}
"""Functions that bear NULL."""


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that is NULL if an argument is, or if it cannot be computed."""

    def call(*values: Any) -> Any:
        if None in values:
            return None
        try:
            return function(*values)
        except (ValueError, OverflowError, ArithmeticError, re.error):
            return None

    return call
