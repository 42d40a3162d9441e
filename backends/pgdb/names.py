"""What databases and roles of ours are called, and whose they are."""

from __future__ import annotations

import itertools

from asynccode.backends.owners import Owner, me

PREFIX = "asynccode"
OWNER = f"{PREFIX}_owner"
"""The role that owns what databases hold; nobody logs in as it."""
READER = f"{PREFIX}_reader"
"""The role that statements run as until they want more than to read."""
_numbers = itertools.count(1)


RULES = "1"
"""Counts up when databases are prepared in another way: older ones are not used then."""


def template(digest: str) -> str:
    """Give the name of the prepared database, which nobody connects to."""
    return f"{PREFIX}_t{RULES}_{digest[:32]}"


def shared(digest: str) -> str:
    """Give the name of its copy that all episodes read in."""
    return f"{PREFIX}_s{RULES}_{digest[:32]}"


def clone() -> str:
    """Give a new name for an episode's own database, and for the role that acts in it."""
    return f"{PREFIX}_c_{me().label.replace('.', '_')}_{next(_numbers)}"


def owner_of(name: str) -> Owner | None:
    """Say which process made a clone; None for what is not one."""
    parts = name.removeprefix(f"{PREFIX}_c_").split("_")
    if not name.startswith(f"{PREFIX}_c_") or len(parts) != 3 or not all(map(str.isdigit, parts)):
        return None
    return Owner(pid=int(parts[0]), started=int(parts[1]))


def quoted(name: str) -> str:
    """Give a name as SQL writes any name."""
    return '"' + name.replace('"', '""') + '"'
