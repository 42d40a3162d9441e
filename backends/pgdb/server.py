"""The administrator's part: roles, prepared databases, clones, and what dead owners left.

A prepared database stays in the server, named by its content, and is made once whoever asks; so
do two roles. An episode that writes gets a clone with a login role of its own, and both go when
it ends: what a role may do to itself (`ALTER ROLE ... SET`) then reaches nobody else.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.to_thread
import asyncpg

from asynccode.backends.pgdb import names
from asynccode.backends.pgdb.loading import Loaded, read
from asynccode.backends.pgdb.names import OWNER, READER, quoted
from asynccode.databases import Database
from asynccode.errors import BackendError, ImageError

FORBIDDEN = r"^(lo_.*|loread|lowrite|pg_advisory.*|pg_try_advisory.*|pg_cancel_backend\
|pg_terminate_backend|pg_notify|pg_stat_get_activity|pg_stat_get_backend.*|pg_ls_.*|pg_read.*\
|pg_stat_file|set_config|setseed|cursor_to_xml.*|pg_log_backend.*|pg_export_snapshot|pg_switch_wal|query_to_xml.*|database_to_xml.*)$"
"""Functions that reach beyond a database or an episode: nobody may call them."""
_HIDDEN = ("pg_stat_activity", "pg_locks", "pg_prepared_xacts", "pg_stat_ssl", "pg_roles")


class Server:
    """One PostgreSQL server, as its administrator."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._lock = anyio.Lock()
        self._admin: asyncpg.Connection | None = None
        self._password = hashlib.sha256(f"asynccode {dsn}".encode()).hexdigest()[:32]
        self._folding: set[str] = set()
        """Databases whose texts compare without regard to case."""
        self.clones = 0

    async def connect(self, **settings: Any) -> asyncpg.Connection:
        """Connect anew; raises what asyncpg raises."""
        return await asyncpg.connect(self.dsn, statement_cache_size=0, timeout=20, **settings)

    async def log_in(
        self, role: str, database: str, settings: Mapping[str, str] | None = None
    ) -> asyncpg.Connection:
        """Connect as one of our roles."""
        connection = await self.connect(
            user=role,
            database=database,
            password=self._password,
            # Compiling a query costs more than running one on databases of this size.
            server_settings={"jit": "off", **(settings or {})},
        )
        if database in self._folding:
            # Otherwise asyncpg looks the type up when it first meets it, and sets something
            # for the time of its look, which a reader may not.
            with suppress(ValueError):  # there is no text in it, so no such type
                await connection.set_builtin_type_codec(
                    "citext", schema="public", codec_name="text"
                )
        return connection

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[asyncpg.Connection]:
        """Give the administrator's connection, one user at a time."""
        async with self._lock:
            admin, self._admin = self._admin, None
            is_new = admin is None or admin.is_closed()
            if admin is None or is_new:
                admin = await self.connect()
            try:
                if is_new:
                    await self._make_roles(admin)
                yield admin
            except BaseException:
                # Cancelled or broken: what the connection is at is not known.
                admin.terminate()
                raise
            self._admin = admin

    async def _make_roles(self, admin: asyncpg.Connection) -> None:
        async with admin.transaction():
            await admin.execute("SELECT pg_advisory_xact_lock(7236501)")
            for role, how in (
                (OWNER, "NOLOGIN"),
                (READER, f"LOGIN PASSWORD '{self._password}'"),
            ):
                if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await admin.execute(f"CREATE ROLE {role} NOSUPERUSER NOINHERIT {how}")
            await admin.execute(f"ALTER ROLE {READER} PASSWORD '{self._password}'")
            await admin.execute(f"ALTER ROLE {READER} SET default_transaction_read_only = on")
            await admin.execute(f"ALTER ROLE {READER} SET temp_file_limit = '256MB'")

    async def prepare(self, database: Database) -> str:
        """Load a database unless it is there; give the name of the one to read in.

        Raises `ImageError` if it cannot be loaded.
        """
        template, shared = names.template(database.digest), names.shared(database.digest)
        if database.dialect == "mysql":
            self._folding.add(shared)
        async with self.admin() as admin:
            if await self._is_there(admin, shared):
                return shared
            try:
                tables = await anyio.to_thread.run_sync(read, database)
            except (sqlite3.Error, OSError) as error:
                raise ImageError(f"Cannot read the database {database.name!r}: {error}.") from error
            # Whoever else prepares it, in whatever process, waits here.
            await admin.execute("SELECT pg_advisory_lock(7236502)")
            try:
                if not await self._is_there(admin, shared):
                    await admin.execute(f"DROP DATABASE IF EXISTS {template}")
                    await admin.execute(f"CREATE DATABASE {template} TEMPLATE template0")
                    await self._fill(template, tables)
                    making = f"{shared}_making"
                    await admin.execute(f"DROP DATABASE IF EXISTS {making}")
                    await admin.execute(f"CREATE DATABASE {making} TEMPLATE {template}")
                    await admin.execute(f"ALTER DATABASE {making} RENAME TO {shared}")
            except asyncpg.PostgresError as error:
                raise ImageError(
                    f"Cannot load the database {database.name!r} into PostgreSQL: {error}."
                ) from error
            finally:
                await admin.execute("SELECT pg_advisory_unlock(7236502)")
        return shared

    @staticmethod
    async def _is_there(admin: asyncpg.Connection, name: str) -> bool:
        found = await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
        return found is not None

    async def _fill(self, name: str, tables: Iterable[Loaded]) -> None:
        connection = await self.connect(database=name)
        try:
            await _fill(connection, list(tables), name)
        finally:
            with anyio.move_on_after(10, shield=True):
                await connection.close()

    async def clone(self, database: Database) -> tuple[str, asyncpg.Connection]:
        """Make an episode's own database; give its name and a connection to it."""
        name = names.clone()
        template = names.template(database.digest)
        async with self.admin() as admin:
            await admin.execute(
                f"CREATE ROLE {name} LOGIN NOSUPERUSER NOINHERIT PASSWORD '{self._password}'"
            )
            await admin.execute(f"GRANT {OWNER} TO {name}")
            await admin.execute(f"ALTER ROLE {name} SET temp_file_limit = '256MB'")
            await admin.execute(f"ALTER ROLE {name} SET role = {OWNER}")
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self.clones += 1
        if database.dialect == "mysql":
            self._folding.add(name)
        try:
            return name, await self.log_in(name, name)
        except BaseException:
            await self.drop(name)
            raise

    async def drop(self, name: str) -> None:
        """Remove a clone and its role; shielded, and bounded."""
        self._folding.discard(name)
        with anyio.move_on_after(30, shield=True), suppress(BackendError):
            async with self.admin() as admin:
                await drop(admin, name)

    async def aclose(self) -> None:
        """Close the administrator's connection."""
        with anyio.move_on_after(5, shield=True):
            await self._lock.acquire()  # whoever has it gives it back, or has ended it
            self._lock.release()
        admin, self._admin = self._admin, None
        if admin is not None:
            with anyio.move_on_after(5, shield=True):
                await admin.close()
            admin.terminate()


async def drop(admin: asyncpg.Connection, name: str) -> None:
    """Remove a clone and its role."""
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"DROP ROLE IF EXISTS {name}")


async def _fill(connection: asyncpg.Connection, tables: list[Loaded], name: str) -> None:
    run = connection.execute
    if any(kind == "citext" for table in tables for _, kind in table.columns):
        await run("CREATE EXTENSION citext")
    await run(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await run(f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {name} TO {OWNER}")
    await run(f"GRANT CONNECT ON DATABASE {name} TO {READER}")
    await run(f"ALTER SCHEMA public OWNER TO {OWNER}")
    await run(f"GRANT USAGE ON SCHEMA public TO {READER}")
    forbidden = await connection.fetch(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE proname ~ $1"
        " AND pronamespace = 'pg_catalog'::regnamespace",
        FORBIDDEN,
    )
    for (function,) in forbidden:
        await run(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    for function in ("set_config(text, text, boolean)", "setseed(double precision)"):
        await run(f"GRANT EXECUTE ON FUNCTION {function} TO {OWNER}")  # in a clone they are fine
    for view in _HIDDEN:
        await run(f"REVOKE ALL ON pg_catalog.{view} FROM PUBLIC")
    await run(f"SET ROLE {OWNER}")
    for table in tables:
        await _fill_table(connection, table)
    for table in tables:
        for columns, other, theirs in table.foreign_keys:
            mine = ", ".join(map(quoted, columns))
            to = f"{quoted(other)} ({', '.join(map(quoted, theirs))})"
            with suppress(asyncpg.PostgresError):  # the data break it, or it names no key
                await run(
                    f"ALTER TABLE {quoted(table.name)} ADD FOREIGN KEY ({mine}) REFERENCES {to}"
                )
    for table in tables:
        if table.view is not None:
            await run(f"CREATE VIEW {quoted(table.name)} AS {table.view}")
    await run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")
    await run("RESET ROLE")
    await run("ANALYZE")


async def _fill_table(connection: asyncpg.Connection, table: Loaded) -> None:
    if table.view is not None:
        return
    parts = []
    for column, kind in table.columns:
        part = f"{quoted(column)} {kind}"
        if column == table.automatic:
            part += " GENERATED BY DEFAULT AS IDENTITY"
        if column in table.not_null:
            part += " NOT NULL"
        parts.append(part)
    name = quoted(table.name)
    await connection.execute(f"CREATE TABLE {name} ({', '.join(parts)})")
    if table.rows:
        columns = [column for column, _ in table.columns]
        if any(kind == "citext" for _, kind in table.columns):
            # COPY in binary does not know citext.
            marks = ", ".join(
                f"${i}::text" if k == "citext" else f"${i}"
                for i, (_, k) in enumerate(table.columns, 1)
            )
            into = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 (quoted)
            await connection.executemany(into, table.rows)
        else:
            await connection.copy_records_to_table(table.name, records=table.rows, columns=columns)
    if table.primary_key:
        key = ", ".join(map(quoted, table.primary_key))
        await connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({key})")
    for unique, columns_ in table.indexes:
        how = "UNIQUE INDEX" if unique else "INDEX"
        on = ", ".join(map(quoted, columns_))
        await connection.execute(f"CREATE {how} ON {name} ({on})")
    if table.automatic is not None:
        most = f"SELECT coalesce(max({quoted(table.automatic)}), 0) + 1 FROM {name}"  # noqa: S608
        sequence = f"pg_get_serial_sequence('{name}', '{table.automatic}')"
        await connection.execute(f"SELECT setval({sequence}, ({most}), false)")
