"""Databases as private worlds: what an episode of SQL starts from, acts in, and is told.

`Database` is an `Image`, so pools, run folders and rollouts treat it as one. Every engine
starts from the same thing, the bytes of an SQLite file: prepared once, shared by all.

A `DatabaseWorld` may be written to, dropped and committed in; nothing of it reaches another.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from attrs import field, frozen

from asynccode.errors import ImageError, InputError
from asynccode.images import Image
from asynccode.interfaces import Session, Technology, World
from asynccode.outcomes import ExecResult, Limits, Outcome
from asynccode.rows import Row, line


@frozen(kw_only=True)
class Database(Image):
    """A description of what an episode's database holds when it begins."""

    base: str = "database"
    name: str
    """As the tasks call it; also what a server is told to call it where that can be."""
    content: bytes | Path = field(repr=False)
    """An SQLite file: its bytes, or where it lies (one too large to be held in memory)."""
    dialect: str = "native"
    """`native` (the engine's own SQL) or `mysql`: how text compares and which functions and
    collations an engine must add, so that MySQL's SQL means there what it means in MySQL."""

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the content, the name and the dialect. Raises `ImageError`."""
        state = hashlib.sha256(f"{self.name}\0{self.dialect}\0".encode())
        if isinstance(self.content, bytes):
            state.update(self.content)
            return state.hexdigest()
        try:
            with self.content.open("rb") as file:
                while block := file.read(1 << 20):
                    state.update(block)
        except OSError as error:
            raise ImageError(f"Cannot read the database {self.content}: {error}.") from error
        return state.hexdigest()


@frozen(kw_only=True)
class ResultSet:
    """What one statement gave."""

    outcome: Outcome
    """`ok`, `nonzero` (the engine's own error), a limit that was met, or `refused`."""
    columns: Sequence[str] | None = field(default=None)
    """Names of the result's columns; None if the statement has no result (INSERT, DDL)."""
    types: Sequence[str] = ()
    """The engine's name of each column's type, empty where it does not say."""
    rows: Sequence[Row] = field(default=(), repr=False)
    """Python's own values: None, int, float, str, bytes, and what the engine has beyond."""
    affected: int | None = None
    """Rows that were written, where the engine says."""
    error: str | None = None
    """The engine's message, or ours."""
    error_code: str | None = None
    """The engine's name or number of the error (an SQLSTATE, `SQLITE_ERROR`, `1146`)."""
    truncated: bool = False
    """Whether rows beyond the limit were dropped."""
    seconds: float = 0.0
    """Wall time of the statement itself, waiting for a thread or a connection left out."""


@frozen(kw_only=True)
class Column:
    """One column, as it was declared."""

    name: str
    type: str = ""
    """The declared type, as the engine spells it."""
    nullable: bool = True
    key: str = ""
    """`PRI`, `UNI`, `MUL` (the first column of an index that is not unique) or empty."""
    default: str | None = None
    """The default's text; None if there is none."""
    auto: bool = False
    """Whether the engine counts it up by itself."""


@frozen(kw_only=True)
class ForeignKey:
    """Columns that name rows of another table."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


@frozen(kw_only=True)
class Table:
    """One table or view."""

    name: str
    columns: Sequence[Column]
    primary_key: tuple[str, ...] = ()
    """Names of its columns in the order of the key."""
    foreign_keys: Sequence[ForeignKey] = ()
    is_view: bool = False


@frozen(kw_only=True)
class TableState:
    """What a table holds: compared to tell what an episode has changed."""

    columns: tuple[tuple[str, str], ...]
    """Names and declared types, in order."""
    rows: Sequence[Row] | None = field(repr=False)
    """All rows, in no order that means anything; None if they are more than `ROWS`, or a view
    that cannot be read: equal to nothing."""
    indexes: frozenset[tuple[bool, tuple[str, ...]]] = frozenset()
    """Whether it is unique, and the columns, of each index; primary keys are left out."""
    is_view: bool = False


class DatabaseSession(Session):
    """One connection's worth of statements: transactions and settings go on from step to step.

    Settings and transactions are the session's; what is committed is its world's.
    """

    engine: ClassVar[str]
    """Whose SQL it takes: `sqlite`, `postgres` or `mysql`."""

    @property
    @abstractmethod
    def database(self) -> Database:
        """What its database was when it was opened."""

    @abstractmethod
    async def execute(self, statement: str, *, seconds: float | None = None) -> ResultSet:
        """Run one statement and give what came of it; an error of it is data.

        Outside a transaction of its own each statement commits at once. A statement that
        meets a limit (time, rows, bytes, memory, disk) is stopped and undone; the session
        goes on. What would reach beyond the database, or is no text, is `refused`.
        `seconds` overrides the limit on wall time. One call at a time.

        Raises `SandboxLost` if the world is gone. Cancelling stops the statement.
        """

    @abstractmethod
    async def catalogue(self) -> Sequence[Table]:
        """Give the tables and views as they are now, in the order of their making.

        Cached until a statement may have changed them. Raises `SandboxLost`.
        """

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run one statement and give its result as text (`render`)."""
        result = await self.execute(code, seconds=seconds)
        output = render(result).encode("utf-8", "replace")
        failed = result.error is not None
        return ExecResult(
            outcome=result.outcome,
            exit_code=int(failed),
            output=output,
            stdout=(b"" if failed else output) if split else None,
            stderr=(output if failed else b"") if split else None,
            seconds=result.seconds,
            truncated=result.truncated,
        )


class DatabaseWorld(World):
    """One private database."""

    @property
    @abstractmethod
    def database(self) -> Database:
        """What it was when it was opened."""

    @abstractmethod
    async def session(self) -> DatabaseSession:
        """Open the session. Raises `InputError` if one is open, `SandboxLost` if it is gone."""

    @property
    @abstractmethod
    def is_changed(self) -> bool:
        """Whether anything may have been written: False only where nothing was."""

    @abstractmethod
    async def state(self) -> Mapping[str, TableState]:
        """Give what every table and view holds, by name, as the session sees it.

        Raises `SandboxLost`.
        """


class DatabaseBackend(Technology):
    """One database engine: a `Technology` whose worlds are databases."""

    warms = False

    @abstractmethod
    async def open(self, image: Image, limits: Limits) -> DatabaseWorld:
        """Open a private copy of a `Database`, as `Technology.open` says."""


def database_of(world: World) -> DatabaseWorld:
    """Give a world as the database that it is. Raises `InputError` if it is a sandbox."""
    if not isinstance(world, DatabaseWorld):
        raise InputError("These tasks need a database: choose --backend sqlite or postgres.")
    return world


def description_of(image: Image, backend: str) -> Database:
    """Give an image as the database that it describes. Raises `ImageError` if it is none."""
    if not isinstance(image, Database):
        raise ImageError(
            f"The backend {backend} holds databases, and these tasks need a sandbox: "
            "choose a --backend such as nsjail."
        )
    return image


def render(result: ResultSet, most: int | None = None) -> str:
    r"""Give a result as an agent reads it: a line of names, then a line a row.

    Cells are apart by ` | `, NULL is NULL, bytes are X'hexadecimal', line breaks in a text
    are \n. Below come the number of rows, or how many were written, or the error. Of more than
    `most` rows only the first are shown.
    """
    if result.error is not None and result.columns is None:
        return f"Error: {result.error}"
    if result.columns is None:
        written = "" if result.affected is None else f", {result.affected} rows written"
        return f"OK{written}"
    count = len(result.rows)
    rows = result.rows if most is None else result.rows[:most]
    lines = [" | ".join(result.columns)]
    lines += map(line, rows)
    if len(rows) < count:
        lines.append(f"[{count - len(rows)} more rows]")
    more = f"; {result.error}" if result.error else ""
    cut = "the first " if result.truncated else ""
    lines.append(f"({cut}{count} row{'' if count == 1 else 's'}{more})")
    return "\n".join(lines)
