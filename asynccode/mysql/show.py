"""SHOW and DESCRIBE, answered from the catalogue in MySQL's shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from asynccode.databases import Column
from asynccode.mysql import errors
from asynccode.mysql.catalogue import Catalogue, Relation
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.likes import like
from asynccode.mysql.parser import Parser

Rows = list[tuple[Any, ...]]
SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
"""Databases that every server has."""
_COLLATION = "utf8mb4_general_ci"
_PRIVILEGES = "select,insert,update,references"


class Show(Parser):
    """Reads and answers the statements that ask what there is."""

    def __init__(self, text: str, catalogue: Catalogue, schemas: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.catalogue, self.schemas = catalogue, schemas

    def answer(self) -> tuple[Sequence[str], Rows]:
        """Give names of columns, and rows. Raises `MySQLError`."""
        if self.accept("DESC", "DESCRIBE", "EXPLAIN"):
            return self._describe()
        self.expect("SHOW")
        full = bool(self.accept("FULL"))
        self.accept("EXTENDED")
        word = self.now.upper
        answers: dict[str, Callable[[], tuple[Sequence[str], Rows]]] = {
            "TABLES": lambda: self._tables(full=full),
            "COLUMNS": lambda: self._columns(full=full),
            "FIELDS": lambda: self._columns(full=full),
            "DATABASES": self._databases,
            "SCHEMAS": self._databases,
            "CREATE": self._create,
            "INDEX": self._index,
            "INDEXES": self._index,
            "KEYS": self._index,
        }
        if word not in answers:
            self._other(word)
        self.at += 1
        return answers[word]()

    def _other(self, word: str) -> None:
        if word in ("WARNINGS", "ERRORS", "VARIABLES", "STATUS", "TABLE", "GRANTS", "PROCESSLIST"):
            raise errors.unsupported(f"SHOW {word}")
        self.fail()

    def _end(self) -> None:
        self.accept(";")
        if self.now.kind != "end":
            self.fail()

    def _filter(self, rows: Rows, place: int = 0) -> Rows:
        """Read LIKE, and give the rows whose name it fits."""
        if self.accept("LIKE"):
            if self.now.kind != "string":
                self.fail()
            pattern = self.take().text
            rows = [row for row in rows if like(str(row[place]), pattern)]
        elif self.accept("WHERE"):
            self.expression()
        self._end()
        return rows

    def _schema(self) -> str:
        schema = self.catalogue.schema
        if self.accept("FROM", "IN"):
            schema = self.name()
            if schema.lower() not in {self.catalogue.schema.lower(), *self.schemas, *SYSTEM}:
                raise MySQLError(f"Unknown database '{schema}'")
        return schema

    def _tables(self, *, full: bool) -> tuple[Sequence[str], Rows]:
        schema = self._schema()
        names = sorted(self.catalogue.relations) if schema == self.catalogue.schema else []
        rows: Rows = [(name,) for name in names]
        if full:
            views = self.catalogue.relations
            rows = [(n, "VIEW" if views[n].table.is_view else "BASE TABLE") for n in names]
        return (f"Tables_in_{schema}",), self._filter(rows)

    def _databases(self) -> tuple[Sequence[str], Rows]:
        names = sorted({self.catalogue.schema, *self.schemas, *SYSTEM})
        return ("Database",), self._filter([(name,) for name in names])

    def _relation(self) -> Relation:
        parts = [self.name()]
        if self.accept("."):
            parts.append(self.name())
        if self.accept("FROM", "IN"):
            parts.insert(0, self.name())
        if len(parts) == 2 and parts[0].lower() != self.catalogue.schema.lower():
            raise MySQLError(f"Unknown database '{parts[0]}'")
        return self._found(parts[-1])

    def _found(self, name: str) -> Relation:
        relation = self.catalogue.relations.get(name.lower())
        if relation is None:
            raise errors.unknown_table(self.catalogue.schema, name.lower())
        return relation

    def _describe(self) -> tuple[Sequence[str], Rows]:
        if self.now.upper in ("SELECT", "ANALYZE", "FORMAT", "(", "WITH"):
            raise errors.unsupported("EXPLAIN of a query")
        parts = [self.name()]
        if self.accept("."):
            parts.append(self.name())
        wanted = None
        if self.is_name() or self.now.kind == "string":
            wanted = self.take().text
        self._end()
        if len(parts) == 2 and parts[0].lower() != self.catalogue.schema.lower():
            raise MySQLError(f"Unknown database '{parts[0]}'")
        relation = self._found(parts[-1])
        rows = [row(column) for column in relation.columns]
        if wanted is not None:
            rows = [found for found in rows if like(found[0], wanted)]
        return _HEAD, rows

    def _columns(self, *, full: bool) -> tuple[Sequence[str], Rows]:
        self.expect("FROM", "IN")
        relation = self._relation()
        rows: Rows = [row(column) for column in relation.columns]
        if full:
            rows = [
                (*r[:2], _COLLATION if _is_text(r[1]) else None, *r[2:], _PRIVILEGES, "")
                for r in rows
            ]
        return _HEAD, self._filter(rows)

    def _index(self) -> tuple[Sequence[str], Rows]:
        self.expect("FROM", "IN")
        relation = self._relation()
        rows: Rows = [
            (relation.name, 0, "PRIMARY", place, name, "A", 0, None, None, "", "BTREE", "", "")
            for place, name in enumerate(relation.primary, 1)
        ]
        return ("Table",), self._filter(rows)

    def _create(self) -> tuple[Sequence[str], Rows]:
        self.expect("TABLE")
        relation = self._relation()
        self._end()
        return ("Table", "Create Table"), [(relation.name, created(relation))]


_HEAD = ("Field", "Type", "Null", "Key", "Default", "Extra")


def _is_text(declared: str) -> bool:
    return any(word in declared.lower() for word in ("char", "text", "enum", "set"))


def row(column: Column) -> tuple[Any, ...]:
    """Give a column as DESCRIBE shows it."""
    null = "YES" if column.nullable else "NO"
    extra = "auto_increment" if column.auto else ""
    default = column.default
    if default is not None and default.upper().startswith("CURRENT_TIMESTAMP"):
        extra = "DEFAULT_GENERATED"
    elif default is not None and default[:1] == "'":
        default = default.strip("'").replace("''", "'")
    return column.name, declared_type(column), null, column.key, default, extra


def declared_type(column: Column) -> str:
    """Give a column's type as MySQL writes it."""
    return re.sub(r"^integer\b", "int", column.type.lower())


def created(relation: Relation) -> str:
    """Give the CREATE TABLE of a table as far as the catalogue knows it."""
    lines = []
    for column in relation.columns:
        line = f"  `{column.name}` {declared_type(column)}"
        line += "" if column.nullable else " NOT NULL"
        if column.auto:
            line += " AUTO_INCREMENT"
        elif column.default is not None:
            line += f" DEFAULT '{column.default}'"
        elif column.nullable and not column.type.lower().endswith("text"):
            line += " DEFAULT NULL"
        lines.append(line)
    if relation.primary:
        lines.append(f"  PRIMARY KEY ({','.join(f'`{name}`' for name in relation.primary)})")
    for column in relation.columns:
        if column.key in ("MUL", "UNI"):
            unique = "UNIQUE " if column.key == "UNI" else ""
            lines.append(f"  {unique}KEY `{column.name}` (`{column.name}`)")
    for key in relation.table.foreign_keys:
        ours, theirs = (
            ",".join(f"`{name}`" for name in names) for names in (key.columns, key.references)
        )
        lines.append(f"  FOREIGN KEY ({ours}) REFERENCES `{key.table}` ({theirs})")
    body = ",\n".join(lines)
    return (
        f"CREATE TABLE `{relation.name}` (\n{body}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 "
        f"COLLATE={_COLLATION}"
    )
