"""A small database that is spoken to in MySQL, for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asynccode.databases import Column, Database, DatabaseBackend, ResultSet, Table
from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.session import MySQLSession
from asynccode.outcomes import Limits
from asynccode.registry import load_databases

SCRIPT = """
CREATE TABLE pets (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(20) COLLATE NOCASE,
    owner int, weight float, price decimal(10,2), born date, seen datetime,
    tail double, height float(5,1), code char(3) COLLATE NOCASE
);
CREATE INDEX "pets.owner" ON pets (owner);
INSERT INTO pets VALUES
    (1, 'Rex', 2, 12.1, 9.99, '2019-05-01', '2020-01-02 10:00:00', 1.5, 30.2, '7up'),
    (2, 'ada', 1, 3.4, 5, '2020-02-29', '2020-01-03 11:30:00', 2.0, 20.0, '10'),
    (3, 'Zoé ', 2, 0.5, NULL, NULL, NULL, NULL, 10.5, 'x'),
    (4, 'Bob', NULL, 100, 1.005, '2018-12-31', '2018-12-31 00:00:00', 0.1, 9.9, NULL);
CREATE TABLE owners (id int NOT NULL, name text COLLATE NOCASE, city text COLLATE NOCASE,
    PRIMARY KEY (id));
INSERT INTO owners VALUES (1, 'Ann', 'Oslo'), (2, 'Ben', 'Rome'), (3, 'Cyd', 'oslo');
"""


def content(script: str = SCRIPT) -> bytes:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
        return connection.serialize()
    finally:
        connection.close()


DATABASE = Database(name="zoo", content=content(), dialect="mysql")


def catalogue() -> Catalogue:
    """Give two tables to look names up in, without a database."""
    pets = [
        Column(name="id", type="int", nullable=False, key="PRI", auto=True),
        *(Column(name=name, type="varchar(20)") for name in ("name", "code")),
        *(Column(name=name, type="int") for name in ("owner", "Age")),
    ]
    owners = [
        Column(name="id", type="int", nullable=False, key="PRI"),
        *(Column(name=name, type="text") for name in ("name", "city")),
    ]
    return Catalogue.of(
        "zoo",
        [
            Table(name="pets", columns=pets, primary_key=("id",)),
            Table(name="owners", columns=owners, primary_key=("id",)),
        ],
    )


@asynccontextmanager
async def speaking(backend: DatabaseBackend | None = None) -> AsyncIterator[MySQLSession]:
    """Open the database and its session."""
    async with (
        backend or load_databases("sqlite") as engine,
        await engine.open(DATABASE, Limits(step_seconds=20.0)) as world,
        MySQLSession(await world.session(), ["zoo", "farm"]) as session,
    ):
        yield session


def shown(result: ResultSet) -> str:
    """Give a result as the original's agents saw it."""
    if result.error is not None:
        return result.error
    return str(list(result.rows)) if result.columns is not None else "None"
