"""What SQLite needs so that a translated MySQL query means there what it means in MySQL."""

from __future__ import annotations

import sqlite3

from asynccode.mysql.aggregates import AGGREGATES
from asynccode.mysql.functions import FUNCTIONS, LENIENT, strict
from asynccode.mysql.likes import collate


def furnish(connection: sqlite3.Connection) -> None:
    """Add MySQL's functions, each as `my_NAME`, and its collation as `mysql`."""
    for name, function in FUNCTIONS.items():
        connection.create_function(f"my_{name}", -1, strict(function), deterministic=True)
    for name, function in LENIENT.items():
        connection.create_function(f"my_{name}", -1, function, deterministic=True)
    for name, aggregate in AGGREGATES.items():
        connection.create_aggregate(f"my_{name}", -1, aggregate)
    connection.create_collation("mysql", collate)
