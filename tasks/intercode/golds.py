"""What gold gives: found out once per task and kind of world, shared by all episodes."""

from __future__ import annotations

from contextlib import suppress
from weakref import WeakKeyDictionary, proxy

import anyio
from attrs import define, field, frozen

from asynccode.errors import TaskDataError
from asynccode.interfaces import Worlds
from asynccode.outcomes import Limits
from asynccode.records import Task
from asynccode.tasks.intercode import quoting
from asynccode.tasks.intercode.lending import Lending
from asynccode.tasks.intercode.quoting import OriginalCrashError
from asynccode.tasks.intercode.reward import Side, hashed
from asynccode.tasks.intercode.world import PATIENCE, World


@frozen(kw_only=True)
class Gold:
    """What gold gives the first time that an episode is scored, and from then on."""

    first: Side | OriginalCrashError
    later: Side | OriginalCrashError

    def side(self, scored: int) -> Side:
        """Give what counts after `scored` scorings; raises what the original dies of."""
        found = self.later if scored else self.first
        if isinstance(found, OriginalCrashError):
            raise OriginalCrashError(*found.args)
        return found


async def play_gold(task: Task, lending: Lending, limits: Limits) -> Gold:
    """Run a task's gold in a world lent for it and look at it (bash_env.py:71-95).

    Its commands are joined with `;` and quoted as an action is. The original sets no time
    limit here; ours is `PATIENCE`. It runs gold before each scoring, in one container for
    all runs, which a reset leaves used: what git ignores stays (`ln -s /a ~/b` makes its link
    inside the folder that the one of last time points to), and what it restores is new
    (`find -mmin +5 -delete` finds nothing any more). So gold that changes anything runs three
    times: in a new world, in a used one, and shortly after that.

    Raises `TaskDataError` if the time is not enough, and what opening a world raises.
    """
    filesystem = task.metadata["filesystem"]
    async with lending.lend(task.image, filesystem) as world:
        first = later = await _look(task, world, limits)
        if not await world.is_untouched():
            await world.reset_again()
            await world.age(filesystem)
            first = await _look(task, world, limits)
            await world.reset_again()
            later = await _look(task, world, limits)
        return Gold(first=first, later=later)


async def _look(task: Task, world: World, limits: Limits) -> Side | OriginalCrashError:
    plan = quoting.Plan(argv=quoting.argv(";".join(task.gold)), cwd=quoting.ROOT)
    seen = await world.act(plan, seconds=PATIENCE)
    if seen.observation == quoting.TIMED_OUT:
        raise TaskDataError(
            f"Task {task.id!r} cannot be scored: its gold did not end within {PATIENCE:g} s "
            f"or wrote over {limits.output_bytes} bytes."
        )
    answer = None if seen.observation == quoting.MALFORMED else seen.observation
    try:
        changes = await world.changes()
    except OriginalCrashError as crash:
        return crash
    hashes: dict[str, str] = {}
    for path, _ in hashed(changes):
        with suppress(OriginalCrashError):  # it dies of it only if the agent has that path too
            hashes |= await world.hashes([path])
    return Side(answer=answer, changes=changes, hashes=hashes)


@define(eq=False)
class _Flight:
    """One computation, under way or done; `task` is held so that its id stays its own."""

    task: Task
    landed: anyio.Event = field(factory=anyio.Event)
    gold: Gold | None = None
    error: TaskDataError | None = None


class Golds:
    """What is known of gold, by worlds and task. An error is not remembered."""

    def __init__(self, limits: Limits, *, young: bool) -> None:
        self._limits, self._young = limits, young
        self._flights: WeakKeyDictionary[Worlds, dict[int, _Flight]] = WeakKeyDictionary()
        self._lendings: WeakKeyDictionary[Worlds, Lending] = WeakKeyDictionary()

    async def get(self, task: Task, worlds: Worlds) -> Gold:
        """Give what gold gives; concurrent callers share one run of it.

        Hold no sandbox while you wait: the one that gold needs might not fit beside it.
        A `TaskDataError` goes to all who wait; after any other error, or if the caller who
        runs gold is cancelled, the next one runs it again.
        """
        flights = self._flights.setdefault(worlds, {})
        while (flight := flights.get(id(task))) is not None:
            await flight.landed.wait()
            if flight.gold is not None:
                return flight.gold
            if flight.error is not None:
                raise TaskDataError(*flight.error.args) from flight.error
        flight = flights[id(task)] = _Flight(task)
        try:
            flight.gold = await play_gold(task, self._lending(worlds), self._limits)
            return flight.gold
        except TaskDataError as error:
            flight.error = error
            raise
        finally:
            if flight.gold is None:
                del flights[id(task)]
            flight.landed.set()

    def _lending(self, worlds: Worlds) -> Lending:
        lending = self._lendings.get(worlds)
        if lending is None:
            # It may not hold what it is known by, or that would never be let go.
            lending = Lending(proxy(worlds), self._limits, young=self._young)
            self._lendings[worlds] = lending
        return lending
