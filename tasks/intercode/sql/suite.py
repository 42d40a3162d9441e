"""IC-SQL as a suite with the original's semantics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from asynccode.databases import Database, DatabaseSession, database_of
from asynccode.errors import TaskDataError
from asynccode.interfaces import Suite, Worlds
from asynccode.mysql.session import MySQLSession
from asynccode.outcomes import Limits, MiB, Outcome
from asynccode.records import Task
from asynccode.rows import Row
from asynccode.tasks.intercode.recorded import RecordedEpisode
from asynccode.tasks.intercode.sql.environment import CompatSqlEnvironment, answer
from asynccode.tasks.sql.golds import Known

LIMITS = Limits(step_seconds=30.0, output_bytes=16 * MiB, disk_bytes=64 * MiB)
"""The original has none; these are wide enough to change no recorded episode."""


class CompatSqlSuite(Suite):
    """One SQL data set; what gold gives is found out once and kept here."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        name: str,
        limits: Limits = LIMITS,
        score_every_turn: bool = False,
    ) -> None:
        """Take tasks whose images are databases with MySQL's dialect."""
        self.name = name
        self.tasks = tuple(tasks)
        self.limits = limits
        self.score_every_turn = score_every_turn
        images = {id(task.image): task.image for task in self.tasks}.values()
        self.schemas = sorted({i.name.lower() for i in images if isinstance(i, Database)})
        self._golds: Known[Sequence[Row]] = Known()

    def environment(self, task: Task, worlds: Worlds) -> CompatSqlEnvironment:
        """Give a fresh environment for `task`."""
        return CompatSqlEnvironment(self, task, worlds, score_every_turn=self.score_every_turn)

    def reborn(self, born: int) -> CompatSqlSuite:
        """Give the suite as it is: databases do not age."""
        return self

    def rehearsal(
        self, task: Task, worlds: Worlds, episode: RecordedEpisode, *, scored: bool
    ) -> CompatSqlEnvironment:
        """Give an environment that does what the harness of a recorded episode did."""
        environment = self.environment(task, worlds)
        environment.score_every_turn = scored
        environment.formula = episode.formula or environment.formula
        return environment

    def speaking(self, session: DatabaseSession) -> DatabaseSession:
        """Give a session that is spoken to in MySQL."""
        return MySQLSession(session, self.schemas)

    async def gold(self, task: Task, worlds: Worlds) -> Sequence[Row]:
        """Give gold's rows; none if it fails (sql_env.py:53-61).

        Raises `TaskDataError` if gold meets a limit, which is ours.
        """
        return await self._golds.get(worlds, id(task), lambda: self._play(task, worlds))

    async def _play(self, task: Task, worlds: Worlds) -> Sequence[Row]:
        rows: Sequence[Row] = ()
        async with (
            database_of(await worlds.open(task.image, self.limits)) as world,
            self.speaking(await world.session()) as session,
        ):
            for action in task.gold:
                result = await session.execute(action)
                if result.outcome not in (Outcome.OK, Outcome.NONZERO):
                    raise TaskDataError(
                        f"Task {task.id!r} cannot be scored: its gold ended as "
                        f"{result.outcome} ({result.error})."
                    )
                rows = answer(result) or ()
        return rows

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the mode and of all tasks."""
        images = {id(task.image): task.image for task in self.tasks}
        digests = {key: image.digest for key, image in images.items()}
        rows = [[t.id, t.query, t.gold, digests[id(t.image)]] for t in self.tasks]
        text = json.dumps(["intercode-1.0.2", self.score_every_turn, rows])
        return hashlib.sha256(text.encode()).hexdigest()
