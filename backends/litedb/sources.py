"""Prepared databases: their bytes, and reading connections that all episodes share.

Called in workers' threads; what threads share is changed by single operations on lists.
"""

from __future__ import annotations

import importlib
import sqlite3
from contextlib import suppress
from pathlib import Path

from asynccode.backends.litedb.catalogue import read_catalogue, read_state
from asynccode.backends.litedb.connections import Opened, connect
from asynccode.backends.litedb.quick import LARGEST, Quick
from asynccode.databases import Database, Table, TableState
from asynccode.errors import ImageError

LARGE = 32 * 1024 * 1024
"""Files above this many bytes are read where they lie, and only copied to be written to."""
READERS = 16
"""Reading connections of one database that are kept when nobody reads."""
STATEMENTS = 128
"""Statements that a reading connection keeps compiled: those that it let pass may pass again."""
READ_CACHE = -256
WRITE_CACHE = 0
"""SQLite keeps no pages beside those of the database itself, which is in memory already."""


class Source:
    """One prepared database."""

    def __init__(self, database: Database) -> None:
        """Prepare it. Raises `ImageError` if it is not an SQLite database."""
        self.database = database
        self._content = self._prepared(database)
        self._idle: list[Opened] = []
        self._catalogue: tuple[Table, ...] | None = None
        self.quick: Quick | None = None
        """Where short reads are done at once; None if the database is too large for that."""
        if isinstance(self._content, bytes) and len(self._content) <= LARGEST:
            self.quick = Quick(self._content, database.dialect)

    @staticmethod
    def _prepared(database: Database) -> bytes | Path:
        content = database.content
        try:
            if isinstance(content, Path) and content.stat().st_size <= LARGE:
                content = content.read_bytes()
            if isinstance(content, bytes) and database.dialect != "native":
                # A dialect may store some values in another way than the file does.
                module = importlib.import_module(f"asynccode.backends.litedb.{database.dialect}")
                connection = connect(content, dialect=database.dialect)
                try:
                    module.convert(connection)
                    content = connection.serialize()
                finally:
                    connection.close()
            connection = connect(content)
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            finally:
                connection.close()
        except (OSError, sqlite3.Error) as error:
            raise ImageError(f"Cannot open the database {database.name!r}: {error}.") from error
        return content

    def take(self) -> Opened:
        """Give a connection that may only read; nobody else has it until it is given back."""
        with suppress(IndexError):
            return self._idle.pop()
        dialect = self.database.dialect
        connection = connect(self._content, dialect=dialect, statements=STATEMENTS)
        connection.execute(f"PRAGMA cache_size = {READ_CACHE}")
        connection.execute("PRAGMA query_only = 1")
        return Opened(connection, shared=True)

    def give(self, reader: Opened) -> None:
        """Take a reading connection back."""
        if len(self._idle) < READERS:
            self._idle.append(reader)
        else:
            reader.close()

    def copy(self, disk_bytes: int) -> Opened:
        """Give a private copy that may grow by `disk_bytes`."""
        content = self._content
        if isinstance(content, Path):
            content = content.read_bytes()
        connection = connect(content, dialect=self.database.dialect)
        connection.execute(f"PRAGMA cache_size = {WRITE_CACHE}")
        ((page,),) = connection.execute("PRAGMA page_size").fetchall()
        more = disk_bytes // page + 1
        connection.execute(f"PRAGMA main.max_page_count = {len(content) // page + more}")
        return Opened(connection, shared=False, temporary_pages=more)

    def catalogue(self) -> tuple[Table, ...]:
        """Give its tables, looked up once."""
        if self._catalogue is None:
            reader = self.take()
            try:
                self._catalogue = read_catalogue(reader.ask)
            finally:
                self.give(reader)
        return self._catalogue

    def state(self) -> dict[str, TableState]:
        """Give what its tables hold."""
        reader = self.take()
        try:
            return read_state(reader)
        finally:
            self.give(reader)

    def close(self) -> None:
        """Close the reading connections."""
        if self.quick is not None:
            self.quick.close()
        while self._idle:
            self._idle.pop().close()
