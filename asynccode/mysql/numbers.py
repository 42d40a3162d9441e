"""Texts and numbers, each as the other, as MySQL makes them."""

from __future__ import annotations

import re
from typing import Any

from asynccode.mysql.types import TEXT
from asynccode.mysql.values import converter

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_AS_TEXT = converter(TEXT)


def text(value: Any) -> str:
    """Give the text of a value."""
    found: str = _AS_TEXT(value)
    return found


def number(value: Any) -> float:
    """Give the number that a text begins with."""
    if isinstance(value, (int, float)):
        return value
    found = _NUMBER.match(str(value))
    return float(found[0]) if found else 0.0
