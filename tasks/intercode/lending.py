"""Worlds that gold is played in: the same one again, where gold has written nothing."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from attrs import define, field

from asynccode.images import Image
from asynccode.interfaces import Sandbox, Worlds, sandbox_of
from asynccode.outcomes import Limits
from asynccode.tasks.intercode.world import World

AT_ONCE = 2 * (os.cpu_count() or 1)
"""Worlds on loan at a time. Who waits may get one that is ready; more would only be slower."""
CLOSE_SECONDS = 30.0


@define(eq=False)
class _Loan:
    """A world after its reset, and the sandbox that it is."""

    image: str
    sandbox: Sandbox
    world: World


@define(eq=False)
class _Waiter:
    image: str
    served: anyio.Event = field(factory=anyio.Event)
    loan: _Loan | None = None
    """What it got; without one it may open its own."""


class Lending:
    """Lends worlds of some backend or pool.

    A world is passed on only if its fingerprint is what it was after the reset, and nothing
    may still be running in it; any other is closed.
    """

    def __init__(self, worlds: Worlds, limits: Limits, *, young: bool) -> None:
        self._worlds, self._limits, self._young = worlds, limits, young
        self._out = 0
        self._line: deque[_Waiter] = deque()

    @asynccontextmanager
    async def lend(self, image: Image, filesystem: str) -> AsyncIterator[World]:
        """Lend a world of `image` as it is after a reset.

        Raises `TaskDataError` if the image does not hold `filesystem`, and what opening raises.
        """
        loan = await self._take(image, filesystem)
        untouched = False
        try:
            before = await loan.sandbox.fingerprint()
            yield loan.world
            after = await loan.sandbox.fingerprint()
            untouched = before is not None and before == after and not loan.world.may_be_running
        finally:
            await self._give_back(loan, untouched=untouched)

    async def _take(self, image: Image, filesystem: str) -> _Loan:
        if self._out < AT_ONCE:
            self._out += 1
        else:
            waiter = _Waiter(image.digest)
            self._line.append(waiter)
            try:
                await waiter.served.wait()
            except BaseException:
                await self._leave(waiter)
                raise
            if waiter.loan is not None:
                return waiter.loan
        try:
            sandbox = sandbox_of(await self._worlds.open(image, self._limits))
        except BaseException:
            self._next()
            raise
        loan = _Loan(image.digest, sandbox, World(sandbox))
        try:
            await loan.world.reset(filesystem, young=self._young)
            await loan.world.changes()
        except BaseException:
            await self._give_back(loan, untouched=False)
            raise
        return loan

    async def _leave(self, waiter: _Waiter) -> None:
        """Stop waiting; what one was just given goes to the next."""
        if waiter in self._line:
            self._line.remove(waiter)
        elif waiter.loan is not None:
            await self._give_back(waiter.loan, untouched=True)
        else:
            self._next()

    async def _give_back(self, loan: _Loan, *, untouched: bool) -> None:
        fitting = [waiter for waiter in self._line if waiter.image == loan.image]
        if untouched and fitting:
            self._line.remove(fitting[0])
            fitting[0].loan = loan
            fitting[0].served.set()
            return
        try:
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await loan.sandbox.aclose()
        finally:
            self._next()

    def _next(self) -> None:
        """Let whoever has waited longest open a world, in the place of one that is gone."""
        if self._line:
            self._line.popleft().served.set()
        else:
            self._out -= 1
