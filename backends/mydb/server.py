"""The administrator's part: users, prepared databases, copies, and what dead owners left.

MySQL has no templates: a copy is made table by table. A prepared database stays in the server,
named by its content, with a user who may only read it; an episode that writes gets a copy with
a user of its own, and both go when it ends.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiomysql
import anyio
import anyio.lowlevel
import anyio.to_thread
import pymysql

from asynccode.backends.mydb.statements import BROKEN, Quiet, address, ask, connect
from asynccode.backends.owners import Owner, me
from asynccode.backends.pgdb.loading import Loaded, read
from asynccode.databases import Database
from asynccode.errors import ImageError

PREFIX = "asynccode"
_TYPES = {
    "double precision": "DOUBLE",
    "timestamp": "DATETIME",
    "bytea": "LONGBLOB",
    "numeric": "DECIMAL(40, 10)",
    "citext": "TEXT",
}
_numbers = itertools.count(1)


def shared(digest: str) -> str:
    """Give the name of a prepared database, and of the user who reads it."""
    return f"{PREFIX}_s2_{digest[:18]}"


def owner_of(name: str) -> Owner | None:
    """Say which process made a copy; None for what is none."""
    parts = name.removeprefix(f"{PREFIX}_c_").split("_")
    if not name.startswith(f"{PREFIX}_c_") or len(parts) != 3 or not all(map(str.isdigit, parts)):
        return None
    return Owner(pid=int(parts[0]), started=int(parts[1]))


def quoted(name: str) -> str:
    """Give a name as MySQL writes any name."""
    return "`" + name.replace("`", "``") + "`"


class Server:
    """One server, as its administrator."""

    def __init__(self, dsn: str) -> None:
        self._address = address(dsn)
        self._password = hashlib.sha256(f"asynccode {dsn}".encode()).hexdigest()[:32]
        self._lock = anyio.Lock()
        self._admin: aiomysql.Connection | None = None
        self._tables: dict[str, list[Loaded]] = {}
        self.copies = 0

    async def log_in(self, name: str) -> aiomysql.Connection:
        """Connect as the user of a database, to that database."""
        login = {"user": name, "password": self._password, "db": name}
        return await connect(**{**self._address, **login})

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[aiomysql.Connection]:
        """Give the administrator's connection, one user at a time."""
        async with self._lock:
            if self._admin is None or self._admin.closed:
                self._admin = await connect(**self._address)
            try:
                yield self._admin
            except BaseException:
                admin, self._admin = self._admin, None
                admin.close()
                raise

    async def prepare(self, database: Database) -> str:
        """Load a database unless it is there; give its name. Raises `ImageError`."""
        name = shared(database.digest)
        try:
            tables = await anyio.to_thread.run_sync(read, database)
        except (sqlite3.Error, OSError) as error:
            raise ImageError(f"Cannot read the database {database.name!r}: {error}.") from error
        self._tables[name] = tables
        async with self.admin() as admin:
            await ask(admin, "SELECT GET_LOCK('asynccode_prepare', 120)")
            try:
                # Its user comes last: who can log in finds it whole.
                query = "SELECT 1 FROM mysql.user, information_schema.schemata"
                if not await ask(admin, f"{query} WHERE user = %s AND schema_name = user", name):
                    await drop(admin, name)
                    await self._make(admin, name)
                    await _fill(admin, tables)
                    await self._let_in(admin, name, "SELECT, SHOW VIEW")
            except pymysql.Error as error:
                raise ImageError(
                    f"Cannot load the database {database.name!r} into MySQL: {error}."
                ) from error
            finally:
                await ask(admin, "SELECT RELEASE_LOCK('asynccode_prepare')")
        return name

    @staticmethod
    async def _make(admin: aiomysql.Connection, name: str) -> None:
        await ask(admin, f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        await ask(admin, f"USE {name}")

    async def _let_in(self, admin: aiomysql.Connection, name: str, privileges: str) -> None:
        await ask(admin, f"CREATE USER IF NOT EXISTS {name} IDENTIFIED BY '{self._password}'")
        pattern = name.replace("_", r"\_")
        await ask(admin, f"GRANT {privileges} ON `{pattern}`.* TO {name}")

    async def copy(self, source: str) -> tuple[str, aiomysql.Connection]:
        """Make an episode's own database; give its name and a connection to it."""
        # User names have 32 characters at most.
        name = f"{PREFIX}_c_{me().label.replace('.', '_')}_{next(_numbers)}"
        try:
            async with self.admin() as admin:
                await self._make(admin, name)
                await _fill(admin, self._tables[source], source)
                await self._let_in(admin, name, "ALL PRIVILEGES")
            self.copies += 1
            return name, await self.log_in(name)
        except BaseException:
            await self.drop(name)
            raise

    @asynccontextmanager
    async def ending(self, connection: aiomysql.Connection) -> AsyncIterator[None]:
        """End a connection that an exception leaves: what it is at is not known then."""
        try:
            yield
        except BaseException:
            await self.end(connection)
            raise

    async def end(self, connection: aiomysql.Connection) -> None:
        """Close a connection, and end at the server what runs on it; shielded, and bounded."""
        thread = connection.thread_id()
        connection.close()
        with anyio.move_on_after(10, shield=True), suppress(pymysql.Error, *BROKEN):
            async with self.admin() as admin:
                with suppress(pymysql.Error):  # it has ended by itself
                    await ask(admin, f"KILL {thread}")

    async def drop(self, name: str) -> None:
        """Remove a copy and its user; shielded, and bounded."""
        with anyio.move_on_after(30, shield=True), suppress(pymysql.Error, *BROKEN):
            async with self.admin() as admin:
                await drop(admin, name)

    async def aclose(self) -> None:
        """Close the administrator's connection."""
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
            await anyio.lowlevel.checkpoint()


async def drop(admin: aiomysql.Connection, name: str) -> None:
    """Remove a copy and its user."""
    await ask(admin, f"DROP DATABASE IF EXISTS {name}")
    await ask(admin, f"DROP USER IF EXISTS {name}")


async def _fill(
    admin: aiomysql.Connection, tables: Sequence[Loaded], source: str | None = None
) -> None:
    """Make all tables in the database in use; rows come from `source`, or from the tables."""
    for table in tables:
        if table.view is None:
            await _fill_table(admin, table, source)
    for table in tables:
        name = quoted(table.name)
        for columns, other, theirs in table.foreign_keys:
            mine, to = ", ".join(map(quoted, columns)), ", ".join(map(quoted, theirs))
            with suppress(pymysql.Error):  # the data break it, or it names no key
                key = f"FOREIGN KEY ({mine}) REFERENCES {quoted(other)} ({to})"
                await ask(admin, f"ALTER TABLE {name} ADD {key}")
        if table.view is not None:
            await ask(admin, f"CREATE SQL SECURITY INVOKER VIEW {name} AS {table.view}")


async def _fill_table(admin: aiomysql.Connection, table: Loaded, source: str | None) -> None:
    keyed = {*table.primary_key, *(c for _, columns in table.indexes for c in columns)}
    keyed |= {c for columns, _, _ in table.foreign_keys for c in columns}
    parts = []
    for column, kind in table.columns:
        if kind.startswith("numeric("):
            kind = kind.replace("numeric", "DECIMAL")
        kind = _TYPES.get(kind, kind)
        if kind.lower() == "text" and column in keyed:
            kind = "VARCHAR(255)"  # a key needs a length
        null = " NOT NULL" if column in table.not_null else " NULL"
        auto = " AUTO_INCREMENT" if column == table.automatic else ""
        parts.append(f"{quoted(column)} {kind}{null}{auto}")
    if table.primary_key:
        parts.append(f"PRIMARY KEY ({', '.join(map(quoted, table.primary_key))})")
    for number, (unique, columns) in enumerate(table.indexes):
        how = "UNIQUE KEY" if unique else "KEY"
        parts.append(f"{how} {quoted(f'i{number}')} ({', '.join(map(quoted, columns))})")
    name = quoted(table.name)
    await ask(admin, f"CREATE TABLE {name} ({', '.join(parts)})")
    if source is not None:
        await ask(admin, f"INSERT INTO {name} SELECT * FROM {source}.{name}")  # noqa: S608 (quoted)
    elif table.rows:
        marks = ", ".join(["%s"] * len(table.columns))
        async with admin.cursor(Quiet) as cursor:
            into = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 (quoted)
            await cursor.executemany(into, [tuple(row) for row in table.rows])
