"""FROM: which tables there are, and what each join makes of their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from asynccode.mysql import errors
from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.nodes import Derived, Join, Node, Query, Source, Table
from asynccode.mysql.scope import Columns, Ctes, Field, Origin, Scope


def leaves(source: Source | None) -> Iterator[Table | Derived]:
    """Give the tables and derived tables of a FROM in the order of the text."""
    if isinstance(source, Join):
        yield from leaves(source.left)
        yield from leaves(source.right)
    elif source is not None:
        yield source


def joins(source: Source | None) -> Iterator[Join]:
    """Give the joins of a FROM, inner ones first."""
    if isinstance(source, Join):
        yield from joins(source.left)
        yield from joins(source.right)
        yield source


class Sources:
    """Fills a scope from a FROM."""

    def __init__(
        self,
        catalogue: Catalogue,
        ctes: Ctes,
        derive: Callable[[Query, Ctes], Columns],
    ) -> None:
        self._catalogue, self._ctes, self._derive = catalogue, ctes, derive
        self.of: dict[int, list[Origin]] = {}
        """The sources under each join, by the id of the node."""

    def fill(self, scope: Scope, source: Source | None) -> None:
        """Add all sources; raises `MySQLError`."""
        if source is None:
            return
        self._add(scope, source)
        for join in joins(source):
            self._merge(scope, join)

    def _add(self, scope: Scope, source: Source) -> None:
        before = len(scope.origins)
        if isinstance(source, Join):
            self._add(scope, source.left)
            middle = len(scope.origins)
            self._add(scope, source.right)
            weak = {"left": scope.origins[middle:], "right": scope.origins[before:middle]}
            for origin in weak.get(source.kind, []):
                origin.nullable = True
        elif isinstance(source, Table):
            scope.origins.append(self._table(source))
        else:
            scope.origins.append(self._derived(source))
        self.of[id(source)] = scope.origins[before:]

    def _table(self, table: Table) -> Origin:
        if table.schema is None and (columns := self._ctes.get(table.name.lower())) is not None:
            return self._given(table.alias or table.name, columns)
        schema = self._catalogue.schema
        relation = self._catalogue.relations.get(table.name.lower())
        if table.schema is not None and table.schema.lower() != schema.lower():
            raise MySQLError(f"Unknown database '{table.schema}'")
        if relation is None:
            raise errors.unknown_table(schema, table.name.lower())
        name = table.alias or table.name
        origin = Origin(name=name, schema=schema, relation=relation)
        origin.unique = [frozenset(key) for key in relation.keys]
        return origin

    def _derived(self, derived: Derived) -> Origin:
        columns = self._derive(derived.query, self._ctes)
        if derived.columns:
            if len(derived.columns) != len(columns):
                raise MySQLError(
                    "In definition of view, derived table or common table expression, SELECT "
                    "list and column names list have different column counts"
                )
            columns = renamed(columns, derived.columns)
        return self._given(derived.alias or "", columns)

    @staticmethod
    def _given(name: str, columns: Columns) -> Origin:
        origin = Origin(name=name)
        for label, type_, folded in columns:
            if origin.named(label.lower()):
                raise MySQLError(f"Duplicate column name '{label}'")
            origin.given.append(Field(name=label, type=type_, source=origin, folded=folded))
        return origin

    def _merge(self, scope: Scope, join: Join) -> None:
        """Merge the columns that USING or NATURAL name."""
        left, right = self.of[id(join.left)], self.of[id(join.right)]
        names = list(join.using)
        if join.natural:
            theirs = {field.name.lower() for origin in right for field in origin.fields}
            shown = [field for origin in left for field in origin.fields]
            names = [
                f.name for f in shown if f.name.lower() in theirs and id(f) not in scope.hidden
            ]
            join.using = names
        for name in names:
            found = [scope.find((name,), "from clause", side) for side in (left, right)]
            if found[0] is None or found[1] is None:
                raise errors.unknown_column(name, "from clause")
            kept, merged = (found[1], found[0]) if join.kind == "right" else (found[0], found[1])
            scope.hidden.add(id(merged))
            merged.twin = kept

    def conditions(self, source: Source | None) -> Iterator[tuple[Node, list[Origin]]]:
        """Give the ON conditions from the last join to the first, with the sources each sees."""
        for join in reversed(list(joins(source))):
            if join.on is not None:
                yield join.on, self.of[id(join)]


def renamed(columns: Columns, names: Sequence[str]) -> Columns:
    """Give columns other names; none if there are no names."""
    if not names:
        return columns
    pairs = zip(names, columns, strict=False)
    return [(name, type_, folded) for name, (_, type_, folded) in pairs]


def check_tables(tables: Iterator[tuple[Table, frozenset[str]]], catalogue: Catalogue) -> None:
    """Raise for the first table of a statement that is not there; CTEs' names come along."""
    for table, ctes in tables:
        if table.schema is None and table.name.lower() in ctes:
            continue
        if table.schema is not None and table.schema.lower() != catalogue.schema.lower():
            raise MySQLError(f"Unknown database '{table.schema}'")
        if table.name.lower() not in catalogue.relations:
            raise errors.unknown_table(catalogue.schema, table.name.lower())
