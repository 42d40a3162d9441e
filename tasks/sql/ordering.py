"""Whether a query says in which order its rows come."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      '(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\]   # text and names
    | --[^\n]* | \#[^\n]* | /\*.*?\*/                                # comments
    | [()] | \w+
    """,
    re.VERBOSE | re.DOTALL,
)


def is_ordered(query: str) -> bool:
    """Whether the outermost query has an ORDER BY; one in a subquery orders nothing."""
    depth, last = 0, ""
    for found in _TOKEN.finditer(query):
        word = found[0].lower()
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        elif depth == 0 and last == "order" and word == "by":
            return True
        if not word.startswith(("--", "#", "/*")):
            last = word if depth == 0 else ""
    return False
