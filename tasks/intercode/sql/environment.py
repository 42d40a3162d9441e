"""IC-SQL as it was: a statement an action, rows as Python prints them, gold's rows beside.

Known deviations, all towards one episode not spoiling another:

- Each episode has a database of its own; in the original there is one server for all runs,
  and what an agent writes stays.
- Gold runs in a database of its own, once.
- A statement that meets a limit is stopped; the original has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio

from asynccode.databases import DatabaseSession, DatabaseWorld, ResultSet, database_of
from asynccode.errors import InputError
from asynccode.interfaces import Environment, Worlds
from asynccode.outcomes import Outcome
from asynccode.records import Action, Brief, Skip, StepResult, Submit, Task
from asynccode.rows import Row
from asynccode.tasks.intercode.sql.reward import FORMULAS, Parts, score

if TYPE_CHECKING:
    from asynccode.tasks.intercode.sql.suite import CompatSqlSuite

CLOSE_SECONDS = 30.0
"""How long closing a database may take."""


class CompatSqlEnvironment(Environment):
    """One SQL task with the original's semantics."""

    def __init__(
        self, suite: CompatSqlSuite, task: Task, worlds: Worlds, *, score_every_turn: bool = False
    ) -> None:
        """With `score_every_turn` each statement is scored at once, as Try Again's harness did."""
        self.task = task
        self.score_every_turn = score_every_turn
        self.formula = FORMULAS[0]
        """Which reward counts (see `reward.py`)."""
        self.rows: Sequence[Row] | None = None
        """The last answer; None before there is one, after an error and without a result."""
        self._suite, self._worlds = suite, worlds
        self._gold: Sequence[Row] = ()
        self._world: DatabaseWorld | None = None
        self._session: DatabaseSession | None = None
        self._observation = "None"

    async def reset(self) -> str:
        """Find out what gold gives unless it is known, open a database, and give the query."""
        await self.aclose()
        self._gold = await self._suite.gold(self.task, self._worlds)
        self.rows, self._observation = None, "None"
        self._world = database_of(await self._worlds.open(self.task.image, self._suite.limits))
        self._session = self._suite.speaking(await self._world.session())
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Act (ic_env.py:83-113). Raises `InputError` before `reset` and after `aclose`."""
        if self._session is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip) or action == "skip":
            return StepResult("skipped", 0.0, True, False, _info())
        if isinstance(action, Submit) or action.startswith("submit"):
            return self._scored(terminated=True, info=_info() | {"valid": True})
        result = await self._session.execute(action)
        self.rows = answer(result)
        self._observation = observe(result, self.rows)
        if self.score_every_turn:
            return self._scored(terminated=False, info=_info(result))
        return StepResult(self._observation, 0.0, False, False, _info(result))

    async def score(self) -> StepResult:
        """Say what submitting now would be paid."""
        return self._scored(terminated=True, info=_info() | {"valid": True})

    def _scored(self, *, terminated: bool, info: dict[str, Any]) -> StepResult:
        parts: Parts = score(self.rows, self._gold)
        info["reward_parts"] = parts.as_dict()
        return StepResult(self._observation, parts.reward(self.formula), terminated, False, info)

    def brief(self) -> Brief:
        """Say which language is spoken."""
        return Brief(language="sql", about="Each action is one MySQL statement.")

    async def aclose(self) -> None:
        """Close the session and the database."""
        session, world = self._session, self._world
        self._session = self._world = None
        try:
            if session is not None:
                with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                    await session.aclose()
        finally:
            if world is not None:
                with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                    await world.aclose()


def answer(result: ResultSet) -> Sequence[Row] | None:
    """Give the rows that are scored; None if there are none to score (sql_env.py:64-66)."""
    if result.error is not None or result.columns is None:
        return None
    return result.rows


def observe(result: ResultSet, rows: Sequence[Row] | None) -> str:
    """Give what the original showed: a list of tuples as Python prints it, or the error."""
    if result.error is not None:
        return f"Error executing query: {result.error}"
    return "None" if rows is None else str([tuple(row) for row in rows])


def _info(result: ResultSet | None = None) -> dict[str, Any]:
    if result is None:
        return {"outcome": None, "exit_code": None, "valid": None, "truncated": False}
    return {
        "outcome": result.outcome,
        "exit_code": int(result.error is not None),
        "valid": result.outcome is Outcome.OK,
        "truncated": result.truncated,
        "seconds": result.seconds,
    }
