"""What is found out once and shared by all episodes that ask for it.

The first to ask finds it out and the others wait; if it is cancelled or its world breaks, the
next one tries anew. What is at fault itself (`TaskDataError`) fails for all who wait. Nothing
that failed is remembered. What is known is kept per `Worlds` object: engines differ.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import anyio
from attrs import define, field

from asynccode.errors import TaskDataError
from asynccode.interfaces import Worlds

T = TypeVar("T")


@define(eq=False)
class _Flight(Generic[T]):
    """One computation, under way or done."""

    landed: anyio.Event = field(factory=anyio.Event)
    found: list[T] = field(factory=list)
    error: TaskDataError | None = None


class Known(Generic[T]):
    """What is known, and what is being found out."""

    def __init__(self) -> None:
        self._flights: WeakKeyDictionary[Worlds, dict[Hashable, _Flight[T]]] = WeakKeyDictionary()

    async def get(self, worlds: Worlds, key: Hashable, find: Callable[[], Awaitable[T]]) -> T:
        """Give what `find` gave, whoever called it; raises what it raises.

        Hold no world while you wait: the one that `find` needs might not fit beside it.
        """
        flights = self._flights.setdefault(worlds, {})
        while (flight := flights.get(key)) is not None:
            if flight.found:
                return flight.found[0]
            await flight.landed.wait()
            if flight.error is not None:
                raise TaskDataError(*flight.error.args) from flight.error
        flight = flights[key] = _Flight()
        try:
            flight.found.append(await find())
            return flight.found[0]
        except TaskDataError as error:
            flight.error = error
            raise
        finally:
            if not flight.found:
                del flights[key]
            flight.landed.set()
