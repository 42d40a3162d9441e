"""MySQL's REGEXP, in bounded time.

Python's expressions cannot be stopped once they search, and hold everybody up. MySQL stops one
that takes long with an error; here one that could is not begun, and is NULL.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

MOST = 10_000_000
"""Steps that a search may take."""
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}
_MANY = 8
"""Repeats that make any expression too long."""


def fits(text: str, pattern: str) -> bool:
    """Whether an expression is found in a text, case left aside.

    Raises `ValueError` if it could take too long, and `re.error`.
    """
    found, loose = _compiled(pattern)
    if len(text) ** (loose + 1) > MOST:
        raise ValueError("Timeout exceeded in regular expression match.")
    return found.search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str], int]:
    """Give an expression, and how many of its parts may each be of any length."""
    try:
        return re.compile(pattern, re.IGNORECASE), _loose(_parser.parse(pattern))
    except (RecursionError, OverflowError) as error:
        raise ValueError("an expression that is too deep") from error


def _loose(parsed: Any) -> int:
    """Count repeats that leave open how often; a repeat of one of those counts as very many."""
    count = 0
    for kind, value in parsed:
        if kind in _REPEATS:
            least, most, inner = value
            within = _loose(inner)
            if least == 0 and most == 1:
                count += within + 1
            elif most > least:
                count += _MANY if within or _branches(inner) else 1
            else:
                count += within * min(int(least), _MANY)
        elif kind in (_constants.GROUPREF, _constants.GROUPREF_EXISTS):
            count += _MANY
        else:
            count += sum(map(_loose, _parts(kind, value)))
    return count


def _branches(parsed: Any) -> bool:
    return any(
        kind is _constants.BRANCH or any(map(_branches, _parts(kind, value)))
        for kind, value in parsed
        if kind not in _REPEATS
    )


def _parts(kind: Any, value: Any) -> list[Any]:
    """Give the expressions within one part of an expression."""
    if kind is _constants.SUBPATTERN:
        return [value[-1]]
    if kind is _constants.BRANCH:
        return list(value[1])
    if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [value[1]]
    if kind is _constants.ATOMIC_GROUP:
        return [value]
    return []
