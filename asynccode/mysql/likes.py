"""MySQL's texts: how they compare, and what LIKE fits."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LETTERS = str.maketrans({"ß": "S", "Æ": "AE", "Œ": "OE"})


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """Give a text as utf8mb4_general_ci compares it: no case, no accents, no spaces behind."""
    text = text.rstrip(" ")
    if not text.isascii():
        split = unicodedata.normalize("NFD", text)
        text = "".join(c for c in split if not unicodedata.combining(c))
    return text.upper().translate(_LETTERS)


def collate(one: str, other: str) -> int:
    """Compare two texts as MySQL does: below, at or above 0."""
    left, right = folded(one), folded(other)
    return (left > right) - (left < right)


def like(text: str, pattern: str, escape: str = "\\") -> bool:
    """Whether MySQL's LIKE fits a text to a pattern; case and accents do not count."""
    return _pattern(pattern, escape).fullmatch(_plain(text)) is not None


def _plain(text: str) -> str:
    return folded(text + ".")[:-1]  # LIKE counts spaces at the end


@lru_cache(maxsize=1024)
def _pattern(pattern: str, escape: str) -> re.Pattern[str]:
    parts, characters = [], iter(pattern)
    for character in characters:
        if character == escape:
            parts.append(re.escape(_plain(next(characters, escape))))
        elif character in "%_":
            parts.append(".*" if character == "%" else ".")
        else:
            parts.append(re.escape(_plain(character)))
    return re.compile("".join(parts), re.DOTALL)
