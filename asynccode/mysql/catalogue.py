"""What there is in a database, as MySQL's names see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from asynccode.databases import Column, Table
from asynccode.mysql.types import SqlType, declared


@frozen(kw_only=True, eq=False)
class Relation:
    """A table with what the translation asks of it."""

    table: Table
    types: tuple[SqlType, ...]
    folded: frozenset[str] = frozenset()
    """Columns, in small letters, with texts that an engine's own comparison treats otherwise
    than MySQL's: letters beyond ASCII, spaces at the end."""
    index: Mapping[str, int] = field(init=False, repr=False)
    """Positions of the columns, by name in small letters."""

    @index.default
    def _index(self) -> Mapping[str, int]:
        return {column.name.lower(): place for place, column in enumerate(self.table.columns)}

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in order."""
        return self.table.columns

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """Sets of columns that tell every row apart, in small letters."""
        keys = [tuple(name.lower() for name in self.table.primary_key)] if self.primary else []
        unique = [c for c in self.columns if c.key == "UNI" and not c.nullable]
        return keys + [(column.name.lower(),) for column in unique]

    @property
    def primary(self) -> tuple[str, ...]:
        """The primary key's columns."""
        return self.table.primary_key


@frozen(kw_only=True, eq=False)
class Catalogue:
    """One database. Tables are found whatever the case of their name."""

    schema: str
    relations: Mapping[str, Relation]
    """By name in small letters."""

    @classmethod
    def of(
        cls,
        schema: str,
        tables: Iterable[Table],
        folded: Mapping[str, frozenset[str]] | None = None,
    ) -> Catalogue:
        """Make one; `folded` holds columns by table, all names in small letters."""
        return cls(
            schema=schema,
            relations={
                table.name.lower(): Relation(
                    table=table,
                    types=tuple(declared(column.type) for column in table.columns),
                    folded=(folded or {}).get(table.name.lower(), frozenset()),
                )
                for table in tables
            },
        )
