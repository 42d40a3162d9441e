"""MySQL's errors: the text that its client shows."""

from __future__ import annotations

SHOWN = 80
"""How much of a statement a syntax error shows, in characters."""


class MySQLError(Exception):
    """A statement that MySQL refuses; `message` is its text without number and state."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def syntax(text: str, position: int) -> MySQLError:
    """Give the error of a statement that cannot be read from `position` on."""
    line = text.count("\n", 0, position) + 1
    return MySQLError(
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL "
        f"server version for the right syntax to use near '{text[position:][:SHOWN]}' "
        f"at line {line}"
    )


def unknown_column(name: str, clause: str) -> MySQLError:
    """Give the error of a name that nothing has."""
    return MySQLError(f"Unknown column '{name}' in '{clause}'")


def ambiguous(name: str, clause: str) -> MySQLError:
    """Give the error of a name that more than one table has."""
    return MySQLError(f"Column '{name}' in {clause} is ambiguous")


def unknown_table(schema: str, name: str) -> MySQLError:
    """Give the error of a table that is not there."""
    return MySQLError(f"Table '{schema}.{name}' doesn't exist")


def unsupported(what: str) -> MySQLError:
    """Give the error of what MySQL knows but does not do yet."""
    return MySQLError(f"This version of MySQL doesn't yet support '{what}'")


INVALID_GROUP = "Invalid use of group function"
NOT_UNIQUE = "Not unique table/alias: '{}'"
NO_ALIAS = "Every derived table must have its own alias"
MANY_ROWS = "Subquery returns more than 1 row"
NO_DATABASE = "No database selected"
