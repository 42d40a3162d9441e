"""What names can stand for at one place of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field

from asynccode.mysql import errors
from asynccode.mysql.catalogue import Relation
from asynccode.mysql.nodes import Select
from asynccode.mysql.types import SqlType

Columns = list[tuple[str, SqlType, bool]]
"""What a query gives: name, type and whether its texts need MySQL's comparison, by column."""
Ctes = Mapping[str, Columns]
"""What the queries of WITH give, by name in small letters."""


@define(eq=False, kw_only=True)
class Field:
    """One column of one source."""

    name: str
    type: SqlType
    source: Origin
    folded: bool = False
    """Whether its texts need MySQL's own comparison (see `Relation.folded`)."""
    label: str = ""
    """Its name in the engine's query; empty if that is `name`."""
    twin: Field | None = None
    """With USING: the column of the other side, of which this one is the merged one."""

    @property
    def full(self) -> str:
        """Its name in errors of GROUP BY."""
        schema = f"{self.source.schema}." if self.source.schema else ""
        return f"{schema}{self.source.name}.{self.name}"


@define(eq=False, kw_only=True)
class Origin:
    """A source of a FROM clause with its columns."""

    name: str
    """The alias, or the table's name."""
    schema: str = ""
    """Empty for a derived table."""
    relation: Relation | None = None
    """The table; None for a derived one."""
    given: list[Field] = field(factory=list)
    """The columns of a derived table."""
    _made: dict[int, Field] = field(factory=dict)
    """The columns of a table that were asked for, by place."""
    nullable: bool = False
    """Whether an outer join may fill it with NULL."""
    unique: list[frozenset[str]] = field(factory=list)
    """Sets of columns that tell its rows apart, in small letters."""
    label: str = ""
    """Its name in the engine's query."""

    @property
    def fields(self) -> list[Field]:
        """All columns, in order."""
        if self.relation is None:
            return self.given
        return [self._field(place) for place in range(len(self.relation.columns))]

    def named(self, name: str) -> list[Field]:
        """Give the columns of a name in small letters."""
        if self.relation is None:
            return [found for found in self.given if found.name.lower() == name]
        place = self.relation.index.get(name)
        return [] if place is None else [self._field(place)]

    def _field(self, place: int) -> Field:
        """Make a column when it is first asked for: few of a table's are."""
        found = self._made.get(place)
        if found is None:
            assert self.relation is not None
            name = self.relation.columns[place].name
            found = self._made[place] = Field(
                name=name,
                type=self.relation.types[place],
                source=self,
                folded=name.lower() in self.relation.folded,
            )
        return found

    def matches(self, parts: Sequence[str]) -> bool:
        """Whether a qualifier, one name or two, means this source."""
        if not parts:
            return True
        if len(parts) == 2 and parts[0].lower() != self.schema.lower():
            return False
        return parts[-1].lower() == self.name.lower()


@define(eq=False, kw_only=True)
class Scope:
    """The names that a query sees: its own sources and those of the queries around it."""

    select: Select | None = None
    origins: list[Origin] = field(factory=list)
    parent: Scope | None = None
    hidden: set[int] = field(factory=set)
    """Columns (ids) that USING has merged into their twins."""
    correlated: bool = False
    """Whether a name in it stood for a column of a query around it."""
    aggregated: bool = False
    """Whether it has an aggregate of its own."""
    ctes: Ctes = field(factory=dict)
    """The queries of WITH that it sees."""

    def find(
        self, parts: Sequence[str], clause: str, origins: Sequence[Origin] | None = None
    ) -> Field | None:
        """Give the column that a name stands for among the sources here.

        None if there is none. Raises `MySQLError` if there is more than one.
        """
        name, found = parts[-1].lower(), list[Field]()
        for origin in self.origins if origins is None else origins:
            if origin.matches(parts[:-1]):
                for candidate in origin.named(name):
                    if len(parts) > 1 or id(candidate) not in self.hidden:
                        found.append(candidate)
        if len(found) > 1:
            raise errors.ambiguous(".".join(parts), clause)
        return found[0] if found else None

    def outer(self) -> Iterator[Scope]:
        """Give the queries around this one, the nearest first."""
        scope = self.parent
        while scope is not None:
            yield scope
            scope = scope.parent
