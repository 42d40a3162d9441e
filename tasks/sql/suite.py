"""A suite of SQL tasks, and what their golds come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from attrs import frozen

from asynccode import registry
from asynccode.databases import (
    DatabaseSession,
    DatabaseWorld,
    ResultSet,
    Table,
    TableState,
    database_of,
)
from asynccode.errors import InputError, TaskDataError
from asynccode.interfaces import Suite, Worlds
from asynccode.outcomes import Limits, MiB
from asynccode.records import Task
from asynccode.tasks.rewards.rows import Answer, Matching, answer_of
from asynccode.tasks.rewards.tables import Changes, changes
from asynccode.tasks.sql.environment import SqlEnvironment, ignored
from asynccode.tasks.sql.golds import Known
from asynccode.tasks.sql.ordering import is_ordered

LIMITS = Limits(step_seconds=10.0, output_bytes=MiB, disk_bytes=64 * MiB)
"""Bounds of a statement; the output is what a result may hold, not what is shown of it."""


@frozen(kw_only=True)
class Gold:
    """What gold gives: found out once per task and kind of world."""

    answer: Answer | None
    """Its last result; None if its last action has none."""
    matching: Matching
    changes: Changes
    """What it changes in the database; empty for a task that only asks."""
    result: ResultSet


class SqlSuite(Suite):
    """Tasks that are solved in SQL and scored by rows and by what the database holds after."""

    backend = "sqlite"

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        name: str = "sql",
        limits: Limits = LIMITS,
        dialect: str = "native",
        matching: Matching | None = None,
    ) -> None:
        """Take tasks whose images are `Database`s.

        With a `dialect` other than `native` agents and golds speak it on every engine. The
        task's metadata may hold `database` (its name), `ordered` (default: whether the last
        gold action orders), `forbidden` and `ignore` (names of tables).
        """
        if dialect != "native" and dialect not in registry.DIALECTS:
            known = ", ".join(["native", *registry.DIALECTS])
            raise InputError(f"There is no dialect {dialect!r}: there are {known}.")
        self.name = name
        self.tasks = tuple(tasks)
        self.limits = limits
        self.dialect = dialect
        self.matching = matching or Matching()
        self._golds: Known[Gold] = Known()
        self._catalogues: Known[Sequence[Table]] = Known()
        self._states: Known[Mapping[str, TableState]] = Known()
        self._digest: str | None = None

    def environment(self, task: Task, worlds: Worlds) -> SqlEnvironment:
        """Give a fresh environment for `task`."""
        return SqlEnvironment(self, task, worlds)

    async def session(self, world: DatabaseWorld) -> DatabaseSession:
        """Open a world's session in the suite's dialect."""
        session = await world.session()
        if self.dialect == "native":
            return session
        speaks: DatabaseSession = registry.resolve(registry.DIALECTS[self.dialect])(session)
        return speaks

    async def gold(self, task: Task, worlds: Worlds) -> Gold:
        """Give what gold comes to; the first to ask plays it in a world of its own.

        Raises `TaskDataError` if the task has no gold or the engine does not run it.
        """
        return await self._golds.get(worlds, id(task), lambda: self._play(task, worlds))

    async def catalogue(self, task: Task, worlds: Worlds) -> Sequence[Table]:
        """Give the tables that a task's database begins with."""

        async def find() -> Sequence[Table]:
            async with database_of(await worlds.open(task.image, self.limits)) as world:
                return await (await world.session()).catalogue()

        return await self._catalogues.get(worlds, task.image.digest, find)

    async def before(self, task: Task, worlds: Worlds) -> Mapping[str, TableState]:
        """Give what a task's database holds in the beginning."""

        async def find() -> Mapping[str, TableState]:
            async with database_of(await worlds.open(task.image, self.limits)) as world:
                return await world.state()

        return await self._states.get(worlds, task.image.digest, find)

    async def _play(self, task: Task, worlds: Worlds) -> Gold:
        if not task.gold:
            raise TaskDataError(f"Task {task.id!r} cannot be scored: give it a gold.")
        made: Changes = Changes()
        async with database_of(await worlds.open(task.image, self.limits)) as world:
            session = await self.session(world)
            for number, action in enumerate(task.gold, 1):
                result = await session.execute(action)
                if result.error is not None or result.truncated:
                    why = result.error or "its result is too large"
                    raise TaskDataError(
                        f"Task {task.id!r} cannot be scored: action {number} of its gold fails "
                        f"on this backend ({why}); mend the gold or choose another --backend."
                    )
            after = await world.state() if world.is_changed else None
        if after is not None:
            made = changes(await self.before(task, worlds), after, ignore=ignored(task))
        answer = None
        if result.columns is not None:
            answer = answer_of(result.rows, len(result.columns))
        return Gold(answer=answer, matching=self._matching(task), changes=made, result=result)

    def _matching(self, task: Task) -> Matching:
        own = self.matching
        ordered = task.metadata.get("ordered", is_ordered(task.gold[-1]))
        return Matching(
            tolerance=own.tolerance, any_column_order=own.any_column_order, ordered=ordered
        )

    @property
    def semantics(self) -> str:
        """How actions are meant, for the manifest."""
        return f"persistent, {self.dialect}"

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the dialect, the way of comparing, and all that tasks are made of."""
        if self._digest is None:
            images = {id(task.image): task.image for task in self.tasks}
            digests = {key: image.digest for key, image in images.items()}
            rows = [
                [t.id, t.query, t.gold, digests[id(t.image)], dict(t.metadata)] for t in self.tasks
            ]
            text = json.dumps([self.dialect, str(self.matching), rows], default=str)
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest
