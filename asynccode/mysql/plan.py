"""What is to be done for a statement of MySQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from asynccode.mysql.types import SqlType


@frozen(kw_only=True)
class Plan:
    """One of an error, an answer, a setting, or a statement of the engine."""

    error: str | None = None
    """MySQL's error."""
    columns: Sequence[str] = ()
    answer: Sequence[tuple[Any, ...]] | None = None
    """Rows that are known already."""
    sql: str | None = None
    """The engine's statement."""
    types: Sequence[SqlType] | None = None
    """The types of its columns; None if it is no query."""
    single: Sequence[str] = ()
    """Queries that count rows: if one gives more than 1, MySQL refuses the statement."""
    repeats: bool = False
    """Whether it gives the same each time, as long as nothing is written."""
    writes: bool = False
    """Whether it may change what there is."""
    setting: tuple[str, str] | None = None
    """What USE or SET sets: `schema`, `full_group` (empty is off) or `other`, and its value."""
