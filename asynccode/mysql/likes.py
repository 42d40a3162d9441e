"""MySQL's texts: how they compare, and what LIKE fits."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from attrs import frozen

KEPT = 200
"""Characters of the longest text that is kept folded: agents make them as long as they like."""
MOST = 100_000_000
"""Steps that looking for a part of a pattern may take."""
_LETTERS = str.maketrans({"ß": "S", "Æ": "AE", "Œ": "OE"})


def folded(text: str) -> str:
    """Give a text as utf8mb4_general_ci compares it: no case, no accents, no spaces behind."""
    return kept(text) if len(text) <= KEPT else _folded(text)


def _folded(text: str) -> str:
    text = text.rstrip(" ")
    if not text.isascii():
        split = unicodedata.normalize("NFD", text)
        text = "".join(c for c in split if not unicodedata.combining(c))
    return text.upper().translate(_LETTERS)


kept = lru_cache(maxsize=65536)(_folded)


def collate(one: str, other: str) -> int:
    """Compare two texts as MySQL does: below, at or above 0."""
    left, right = folded(one), folded(other)
    return (left > right) - (left < right)


def like(text: str, pattern: str, escape: str = "\\") -> bool:
    """Whether MySQL's LIKE fits a text to a pattern; case and accents do not count.

    What stands between two `%` is looked for once, from where the last was found: no later place
    could serve the rest better. Raises `ValueError` if even that would take long.
    """
    text = _plain(text)
    first, *others = _pieces(pattern, escape)
    at = first.at(text, 0)
    if not others or at is None:
        return at == len(text)
    for piece in others[:-1]:
        at = piece.after(text, at)
        if at is None:
            return False
    start = len(text) - others[-1].width
    return start >= at and others[-1].at(text, start) is not None


@frozen
class _Piece:
    """A part of a pattern without `%`: how long it is, and it as a text or as an expression."""

    width: int
    text: str | None
    pattern: re.Pattern[str]

    def at(self, text: str, start: int) -> int | None:
        """Give where it ends if it stands at `start`."""
        found = self.pattern.match(text, start)
        return None if found is None else found.end()

    def after(self, text: str, start: int) -> int | None:
        """Give where it first ends from `start` on."""
        if self.text is not None:
            found = text.find(self.text, start)
            return None if found < 0 else found + self.width
        if self.width * len(text) > MOST:
            raise ValueError("a pattern that takes too long")
        match = self.pattern.search(text, start)
        return None if match is None else match.end()


def _plain(text: str) -> str:
    return folded(text + ".")[:-1]  # LIKE counts spaces at the end


@lru_cache(maxsize=256)
def _pieces(pattern: str, escape: str) -> list[_Piece]:
    pieces: list[list[str | None]] = [[]]  # None is any character
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            pieces[-1].append(_plain(next(characters, escape)))
        elif character == "%":
            pieces.append([])
        else:
            pieces[-1].append(None if character == "_" else _plain(character))
    return [
        _Piece(
            sum(1 if part is None else len(part) for part in piece),
            None if None in piece else "".join(filter(None, piece)),
            re.compile("".join("." if p is None else re.escape(p) for p in piece), re.DOTALL),
        )
        for piece in pieces
    ]
