"""What MySQL says where an engine refuses a statement while it runs."""

from __future__ import annotations

import re

from asynccode.mysql.errors import MANY_ROWS

_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), text)
    for pattern, text in (
        (r"more than one row returned by a subquery", MANY_ROWS),
        (r"UNIQUE constraint failed: (?:\S+\.)?(\S+)", r"Duplicate entry for key '\1'"),
        (
            r'duplicate key value violates unique constraint "([^"]+)"',
            r"Duplicate entry for key '\1'",
        ),
        (r"NOT NULL constraint failed: (?:\S+\.)?(\S+)", r"Column '\1' cannot be null"),
        (r'null value in column "([^"]+)"', r"Column '\1' cannot be null"),
        (r"no such column: (\S+)", r"Unknown column '\1' in 'field list'"),
        (r"table (\S+) already exists", r"Table '\1' already exists"),
        (r'relation "([^"]+)" already exists', r"Table '\1' already exists"),
        (
            r"FOREIGN KEY constraint failed",
            "Cannot add or update a child row: a foreign key constraint fails",
        ),
    )
)


def translated(message: str, code: str | None = None) -> str:
    """Give MySQL's text for an engine's message; one that is not known stays as it is."""
    for pattern, text in _TEXTS:
        found = pattern.search(message)
        if found is not None:
            return found.expand(text)
    return message
