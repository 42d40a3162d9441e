"""What SQLite needs so that a translated MySQL query means there what it means in MySQL."""

from __future__ import annotations

import sqlite3
import struct
from typing import Any

from asynccode.mysql.furnish import furnish as furnish
from asynccode.mysql.types import Kind, SqlType, declared


def convert(connection: sqlite3.Connection) -> None:
    """Give values of type FLOAT the 32 bits that they have in MySQL.

    Not those of FLOAT(M, D): MySQL compares them as the decimal numbers that they show.
    """
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.create_function("my_float", 1, _narrow, deterministic=True)
    for (table,) in tables:
        quoted = _quoted(table)
        for _, column, type_, *_ in connection.execute(f"PRAGMA table_info({quoted})").fetchall():
            if declared(type_) == SqlType(Kind.FLOAT):
                name = _quoted(column)
                connection.execute(f"UPDATE {quoted} SET {name} = my_float({name})")  # noqa: S608
    connection.commit()


def _narrow(value: Any) -> Any:
    if isinstance(value, int | float):
        return struct.unpack("f", struct.pack("f", value))[0]
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
