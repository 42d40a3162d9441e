"""What an episode left in a database, held against what gold leaves there.

Every row that is there and was not, or was and is not, is a change, and so is every column,
index, table and view that came or went. An UPDATE is two changes. The score is the Jaccard
index of the agent's and gold's changes, multisets both: 1.0 if they are the same, also if both
are none. A change in a forbidden table makes it 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Any

from asynccode.databases import TableState
from asynccode.tasks.rewards.rows import plain

Changes = Counter[tuple[Any, ...]]
"""How often each change was made: `(table, kind, "+" or "-", what)`."""


def changes(
    before: Mapping[str, TableState],
    after: Mapping[str, TableState],
    *,
    ignore: Container[str] = (),
) -> Changes:
    """Give what is different; tables to `ignore` are not looked at."""
    found: Changes = Counter()
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if name.lower() in ignore or old == new:
            continue
        for sign, one, other in (("-", old, new), ("+", new, old)):
            had, has = _things(one), _things(other)
            for thing, count in (had - has).items():
                found[name.lower(), thing[0], sign, thing[1:]] += count
    return found


def _things(state: TableState | None) -> Counter[tuple[Any, ...]]:
    """Give all that makes a table what it is."""
    if state is None:
        return Counter()
    found: Counter[tuple[Any, ...]] = Counter()
    found["view" if state.is_view else "table",] += 1
    for name, kind in state.columns:
        # A view's columns have no types of their own.
        found["column", name.lower(), "" if state.is_view else family(kind)] += 1
    for unique, columns in state.indexes:
        found["index", unique, tuple(column.lower() for column in columns)] += 1
    if state.rows is None:
        found["unreadable", id(state)] += 1
    else:
        found.update(("row", *map(plain, row)) for row in state.rows)
    return found


def family(kind: str) -> str:
    """Give what kind of values a declared type is for: INT and BIGINT are one (SQLite's rules)."""
    kind = kind.lower()
    for name, parts in (
        ("integer", ("int", "serial")),
        ("text", ("char", "clob", "text")),
        ("blob", ("blob", "bytea", "binary")),
        ("real", ("real", "floa", "doub")),
    ):
        if any(part in kind for part in parts):
            return name
    return "numeric" if kind else "blob"


def state_score(agent: Changes, gold: Changes, *, forbidden: Container[str] = ()) -> float:
    """Give how alike the changes are, in [0, 1]."""
    if any(change[0] in forbidden for change in agent):
        return 0.0
    union = (agent | gold).total()
    return (agent & gold).total() / union if union else 1.0
