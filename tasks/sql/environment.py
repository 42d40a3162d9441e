"""One SQL task in one private database; scored once, when the agent submits.

What counts depends on gold alone:

    gold changes the database    reward
    yes                          state: the changes, held against gold's (`rewards.tables`)
    no                           answer * state: the last result (`rewards.rows`), and nothing
                                 of the database changed on the way

The agent's answer is the result of its last statement (a statement that fails has none), or
the text that `Submit` carries: a line a row, cells apart by ` | `, as results are shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from asynccode.databases import (
    Database,
    DatabaseSession,
    DatabaseWorld,
    ResultSet,
    Table,
    database_of,
    render,
)
from asynccode.errors import InputError
from asynccode.interfaces import Environment, Worlds
from asynccode.outcomes import Outcome
from asynccode.records import Action, Brief, Skip, StepResult, Submit, Task
from asynccode.rows import cell
from asynccode.tasks.rewards.rows import answer_of, compare, whole
from asynccode.tasks.rewards.tables import changes, state_score

if TYPE_CHECKING:
    from asynccode.tasks.sql.suite import Gold, SqlSuite

CLOSE_SECONDS = 30.0
"""How long closing a database may take."""
SHOWN_ROWS = 200
"""Rows of a result that an agent is shown; the answer is all of them."""
DIGITS = 4


class SqlEnvironment(Environment):
    """One task in one private database."""

    def __init__(self, suite: SqlSuite, task: Task, worlds: Worlds) -> None:
        self.task = task
        self._suite, self._worlds = suite, worlds
        self._gold: Gold | None = None
        self._world: DatabaseWorld | None = None
        self._session: DatabaseSession | None = None
        self._last: ResultSet | None = None
        self._tables: Sequence[Table] = ()

    async def reset(self) -> str:
        """Find out what gold gives unless it is known, open a database, and give the query."""
        await self.aclose()
        # Before the agent's world is there: whoever waits for gold holds none.
        self._gold = await self._suite.gold(self.task, self._worlds)
        self._tables = await self._suite.catalogue(self.task, self._worlds)
        self._last = None
        self._world = database_of(await self._worlds.open(self.task.image, self._suite.limits))
        self._session = await self._suite.session(self._world)
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Run a statement, submit or skip. Raises `InputError` before `reset` and after."""
        if self._session is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip):
            return StepResult("", 0.0, True, False, _info())
        if isinstance(action, Submit):
            return await self._submit(action)
        result = self._last = await self._session.execute(action)
        return StepResult(render(result, SHOWN_ROWS), None, False, False, _info(result))

    async def score(self) -> StepResult:
        """Score the last result and what the database holds now."""
        if self._session is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        return await self._submit(Submit())

    def brief(self) -> Brief:
        """Say what kind of database it is; the hint is its tables and columns."""
        lines = [
            f"{table.name}({', '.join(column.name for column in table.columns)})"
            for table in self._tables
        ]
        image = self.task.image
        name = image.name if isinstance(image, Database) else "database"
        which = "" if self._suite.dialect == "native" else f" in {self._suite.dialect}'s dialect"
        return Brief(
            language="sql",
            about=f"Each action is one SQL statement{which}, run in the database {name!r}, which "
            "is yours alone. Judged is the result of the last statement, or what the database "
            "holds in the end where the task is to change it.",
            hint="\n".join(lines),
        )

    async def _submit(self, action: Submit) -> StepResult:
        assert self._gold is not None
        assert self._world is not None
        gold, world = self._gold, self._world
        parts: dict[str, float] = {}
        if not gold.changes:
            parts.update(self._answer(action, gold))
        if gold.changes or world.is_changed:
            parts["state"] = await self._state(world, gold)
        else:
            parts["state"] = 1.0
        reward = _round(math.prod(parts.values()))
        parts = {name: _round(value) for name, value in parts.items()} | {"reward": reward}
        return StepResult("", reward, True, False, _info() | {"reward_parts": parts})

    def _answer(self, action: Submit, gold: Gold) -> Mapping[str, float]:
        if gold.answer is None:
            return {}
        if action.answer is not None:
            lines = [line.strip() for line in action.answer.splitlines() if line.strip()]
            said = answer_of([(line,) for line in lines], 1)
            rows = [(" | ".join(map(cell, row)).strip(),) for row in gold.result.rows]
            if not lines:
                return {"rows": 0.0}
            return compare(said, answer_of(rows, 1), gold.matching)
        last = self._last
        if last is None or last.columns is None or last.error is not None or last.truncated:
            return {"rows": 0.0}
        if last.rows == gold.result.rows and len(last.columns) == gold.answer.width:
            return whole(gold.answer, gold.matching)  # as most are: nothing to make comparable
        return compare(answer_of(last.rows, len(last.columns)), gold.answer, gold.matching)

    async def _state(self, world: DatabaseWorld, gold: Gold) -> float:
        if not world.is_changed:
            return state_score(type(gold.changes)(), gold.changes)
        before = await self._suite.before(self.task, self._worlds)
        made = changes(before, await world.state(), ignore=ignored(self.task))
        forbidden = {name.lower() for name in self.task.metadata.get("forbidden", ())}
        return state_score(made, gold.changes, forbidden=forbidden)

    async def aclose(self) -> None:
        """Close the session and the database."""
        session, world = self._session, self._world
        self._session = self._world = None
        if world is None:
            return
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            try:
                if session is not None:
                    await session.aclose()
            finally:
                await world.aclose()


def _info(result: ResultSet | None = None) -> dict[str, Any]:
    if result is None:
        return {"outcome": None, "exit_code": None, "valid": True, "truncated": False}
    return {
        "outcome": result.outcome,
        "exit_code": int(result.error is not None),
        "valid": result.outcome not in (Outcome.REFUSED, Outcome.NONZERO),
        "truncated": result.truncated,
        "seconds": result.seconds,
    }


def _round(number: float) -> float:
    """Round, but never up to a 1.0 that was not earned."""
    rounded = round(number, DIGITS)
    return rounded if rounded < 1 or number >= 1 else 1 - 10**-DIGITS


def ignored(task: Task) -> frozenset[str]:
    """Give the tables whose changes do not count."""
    return frozenset(name.lower() for name in task.metadata.get("ignore", ()))
