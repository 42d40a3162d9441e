"""What gold comes to: found out once per task, in a clean world of its own.

Episodes of the same task ask for the same thing at the same time, and each may be
cancelled while it waits. So the first to come plays gold and the others wait for it; if it
is cancelled or its world breaks, the next one tries anew. Gold that fails by its own fault
fails for all who wait, so that fifty attempts do not sit through fifty time-outs; nothing
that failed is remembered.

What is known is kept per `Worlds` object: another backend may have other tools.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

import anyio
from attrs import define, field

from asynccode.errors import TaskDataError
from asynccode.interfaces import Worlds, sandbox_of
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Task
from asynccode.tasks.rewards.scoring import Effect


async def play_gold(task: Task, worlds: Worlds, limits: Limits) -> Effect:
    """Run the task's gold actions in one session of a new world, and look at what they did.

    An exit status other than 0 is fine (`grep` without a hit). Raises `TaskDataError` if
    there is no gold, if an action meets a limit or if it ends the shell, and what `Worlds`
    raises if the world breaks.
    """
    if not task.gold:
        raise TaskDataError(f"Task {task.id!r} cannot be scored: give it a gold.")
    output = ""
    async with (
        sandbox_of(await worlds.open(task.image, limits)) as sandbox,
        await sandbox.session() as session,
    ):
        for number, action in enumerate(task.gold, 1):
            result = await session.run(action)
            if result.restarted or result.outcome not in (Outcome.OK, Outcome.NONZERO):
                how = "ended the shell" if result.restarted else f"ended as {result.outcome}"
                raise TaskDataError(
                    f"Task {task.id!r} cannot be scored: action {number} of its gold {how}; "
                    "mend the gold or raise the limits."
                )
            output = result.text
        return Effect(changes=await sandbox.changes(hashes=True), output=output)


@define(kw_only=True, eq=False)
class _Flight:
    """One computation that is under way or done."""

    task: Task  # held so that its id() stays its own
    landed: anyio.Event = field(factory=anyio.Event)
    effect: Effect | None = None
    error: TaskDataError | None = None


class GoldEffects:
    """The effects of gold that are known, and those that are being found out."""

    def __init__(self, play: Callable[[Task, Worlds], Awaitable[Effect]]) -> None:
        self._play = play
        self._flights: WeakKeyDictionary[Worlds, dict[int, _Flight]] = WeakKeyDictionary()

    async def effect(self, task: Task, worlds: Worlds) -> Effect:
        """Give gold's effect; raises what playing it raises.

        Opens one sandbox of `worlds` the first time and holds none while it waits for
        another caller. Call it while you hold none yourself, or a limit on how many are
        open may keep both waiting.
        """
        flights = self._flights.setdefault(worlds, {})
        while (flight := flights.get(id(task))) is not None:
            await flight.landed.wait()
            if flight.effect is not None:
                return flight.effect
            if flight.error is not None:
                raise TaskDataError(*flight.error.args) from flight.error
        flight = flights[id(task)] = _Flight(task=task)
        try:
            flight.effect = await self._play(task, worlds)
            return flight.effect
        except BaseException as error:
            del flights[id(task)]
            if isinstance(error, TaskDataError):
                flight.error = error
            raise
        finally:
            flight.landed.set()
