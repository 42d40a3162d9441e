"""A MySQL dump, read into SQLite databases.

A dump is what `mysqldump` writes: CREATE DATABASE, USE, CREATE TABLE with a line a column, and
INSERT with lists of literals. Declared types are kept as they are written, so that the engine
and DESCRIBE can tell them; text compares without regard to case, as MySQL's collation has it;
an AUTO_INCREMENT column that is the primary key becomes SQLite's INTEGER PRIMARY KEY
AUTOINCREMENT. Foreign keys are kept and not enforced (the original's data break four).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from asynccode.errors import TaskDataError

_STRING = r"""(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")"""
_STATEMENT = re.compile(rf"(?:[^;'`\"]+|{_STRING}|`[^`]*`)+", re.DOTALL)
_COMMENT = re.compile(r"^\s*--.*$|/\*.*?\*/", re.MULTILINE | re.DOTALL)
_CREATE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?`([^`]+)`\s*\((.*)\)[^)]*$", re.DOTALL)
_INSERT = re.compile(r"INSERT INTO `([^`]+)`\s*(?:\(([^)]*)\)\s*)?VALUES\s*(.*)$", re.DOTALL)
_COLUMN = re.compile(
    r"`(?P<name>[^`]+)`\s+(?P<type>\w+(?:\([^)]*\))?(?:\s+unsigned)?)(?P<rest>.*)$", re.DOTALL
)
_LITERAL = re.compile(
    rf"(?P<open>\()|(?P<close>\))|,|\s+|(?:_binary\s+)?(?P<text>{_STRING})"
    r"|(?P<null>NULL)|(?P<hex>0x[0-9A-Fa-f]+)|(?P<number>[-+]?[0-9.]+(?:[eE][-+]?\d+)?)"
)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}
_DEFAULT = re.compile(rf"DEFAULT\s+({_STRING}|[^\s,]+)")


@define
class _Building:
    connection: sqlite3.Connection = field(factory=lambda: sqlite3.connect(":memory:"))
    tables: list[str] = field(factory=list)


def read_dump(path: Path) -> Mapping[str, bytes]:
    """Give the databases of a dump, by name, as SQLite files. Raises `TaskDataError`."""
    building: dict[str, _Building] = {}
    current = ""
    try:
        for statement in _statements(path.read_text(encoding="utf-8")):
            if statement.startswith("USE "):
                current = statement.split("`")[1]
                building.setdefault(current, _Building())
            elif statement.startswith("CREATE TABLE"):
                _create(building[current], statement)
            elif statement.startswith("INSERT INTO"):
                _insert(building[current].connection, statement)
        return {name: _finish(one.connection) for name, one in building.items()}
    except OSError as error:
        raise TaskDataError(f"Cannot read the dump {path}: {error.strerror}.") from error
    except (ValueError, LookupError, sqlite3.Error) as error:
        raise TaskDataError(f"{path} is not a MySQL dump that can be read: {error}.") from error
    finally:
        for one in building.values():
            one.connection.close()


def _statements(text: str) -> Iterator[str]:
    for found in _STATEMENT.finditer(_without_comments(text)):
        if statement := found[0].strip():
            yield statement


def _without_comments(text: str) -> str:
    """Leave out comments, which in a dump stand on lines of their own; texts keep theirs."""
    kept = []
    for line in text.split("\n"):
        if line.startswith(("INSERT ", "(")):
            kept.append(line)
        else:
            kept.append(_COMMENT.sub("", line))
    return "\n".join(kept)


def _lines(body: str) -> Iterator[str]:
    """Split the parts of a CREATE TABLE at its outermost commas."""
    depth, start, quote = 0, 0, ""
    for place, sign in enumerate(body):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'`":
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "," and depth == 0:
            yield body[start:place].strip()
            start = place + 1
    yield body[start:].strip()


def _names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _quoted(names: list[str]) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def _create(building: _Building, statement: str) -> None:
    found = _CREATE.match(statement)
    if found is None:
        raise ValueError(f"a table without a name: {statement[:60]!r}")
    table = found[1]
    columns: list[Any] = []
    rest: list[str] = []
    after: list[str] = []
    key: list[str] = []
    for line in _lines(found[2]):
        if line.startswith("`"):
            columns.append(_COLUMN.match(line))
        elif line.startswith("PRIMARY KEY"):
            key = _names(line)
        elif match := re.match(r"(UNIQUE )?KEY `([^`]+)` \((.*)\)", line, re.DOTALL):
            unique, name, names = match[1] or "", f"{table}.{match[2]}", _names(match[3])
            on = f"ON {_quoted([table])} ({_quoted(names)})"
            after.append(f"CREATE {unique}INDEX {_quoted([name])} {on}")
        elif match := re.search(
            r"FOREIGN KEY \((.*?)\) REFERENCES `([^`]+)` \((.*?)\)(.*)$", line, re.DOTALL
        ):
            mine, theirs = _quoted(_names(match[1])), _quoted(_names(match[3]))
            to = f"REFERENCES {_quoted([match[2]])} ({theirs})"
            rest.append(f"FOREIGN KEY ({mine}) {to}{match[4]}")
    automatic = next((c["name"] for c in columns if "AUTO_INCREMENT" in c["rest"]), None)
    if key and key != [automatic]:
        rest.insert(0, f"PRIMARY KEY ({_quoted(key)})")
    parts = [_column(c, is_key=key == [c["name"]]) for c in columns] + rest
    building.connection.execute(f"CREATE TABLE {_quoted([table])} ({', '.join(parts)})")
    for index in after:
        building.connection.execute(index)


def _column(found: Any, *, is_key: bool) -> str:
    name, kind, rest = _quoted([found["name"]]), found["type"], found["rest"]
    if "AUTO_INCREMENT" in rest and is_key:
        return f"{name} INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"
    parts = [name, kind]
    if re.match(r"(var)?char|\w*text", kind):
        parts.append("COLLATE NOCASE")
    if "NOT NULL" in rest:
        parts.append("NOT NULL")
    default = _DEFAULT.search(rest)
    if default is not None and default[1] != "NULL":
        parts.append(f"DEFAULT {default[1]}")
    return " ".join(parts)


def _insert(connection: sqlite3.Connection, statement: str) -> None:
    found = _INSERT.match(statement)
    if found is None:
        raise ValueError(f"an INSERT without values: {statement[:60]!r}")
    rows = list(_rows(found[3]))
    if not rows:
        return
    names = f" ({_quoted(_names(found[2]))})" if found[2] else ""
    marks = ", ".join("?" * len(rows[0]))
    into = f"INSERT INTO {_quoted([found[1]])}{names} VALUES ({marks})"  # noqa: S608 (quoted)
    connection.executemany(into, rows)


def _rows(text: str) -> Iterator[tuple[Any, ...]]:
    row: list[Any] = []
    place = 0
    while place < len(text):
        found = _LITERAL.match(text, place)
        if found is None:
            raise ValueError(f"no literal at {text[place : place + 40]!r}")
        place = found.end()
        kind = found.lastgroup
        if kind == "open":
            row = []
        elif kind == "close":
            yield tuple(row)
        elif kind is not None:
            row.append(_value(kind, found[kind]))


def _value(kind: str, text: str) -> Any:
    if kind == "null":
        return None
    if kind == "hex":
        return bytes.fromhex(text[2:])
    if kind == "number":
        return float(text) if re.search(r"[.eE]", text) else int(text)
    return re.sub(
        rf"\\(.)|{text[0] * 2}",
        lambda m: _ESCAPES.get(m[1], m[1]) if m[1] else text[0],
        text[1:-1],
        flags=re.DOTALL,
    )


def _finish(connection: sqlite3.Connection) -> bytes:
    """Give the database's bytes, the same whichever SQLite wrote them."""
    connection.commit()
    connection.execute("VACUUM")
    return without_version(connection.serialize())


def without_version(content: bytes) -> bytes:
    """Leave out of an SQLite file which version wrote it last (bytes 96 to 99, for people)."""
    return content[:96] + bytes(4) + content[100:]
