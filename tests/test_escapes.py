"""What a policy, an environment or a backend lets out ends its own episode, and no other."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import anyio
import anyio.to_thread
import pytest

import asynccode
from asynccode.episode import play
from asynccode.errors import BackendError, Escaped
from asynccode.escapes import contained
from asynccode.interfaces import Environment, Policy, Worlds
from asynccode.outcomes import Limits
from asynccode.policies import Gold
from asynccode.records import Action, Episode, StepResult, StopReason, Submit, Task, Turn
from asynccode.testing.fakes import FakeBackend, FakeEnvironment, FakeSuite

from .test_cli_foreign import Vanishing

pytestmark = pytest.mark.anyio


async def stray() -> NoReturn:
    """Let a cancellation out that was of something else, and over."""
    kept: BaseException | None = None
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.sleep(1)
        except anyio.get_cancelled_exc_class() as error:
            kept = error
            raise
    assert kept is not None
    raise kept


async def leave() -> NoReturn:
    raise GeneratorExit


async def quits() -> NoReturn:
    raise SystemExit(7)


async def crowd() -> NoReturn:
    raise BaseExceptionGroup("two at once", [ValueError("one"), SystemExit(8)])


LETTING_OUT = {"stray": stray, "leave": leave, "quits": quits, "crowd": crowd}
TOLD = {
    "stray": "which nobody asked for",
    "leave": "GeneratorExit, which nobody asked for",
    "quits": "SystemExit: 7",
    "crowd": "BaseExceptionGroup: two at once",
}


class Fails(Policy):
    """Lets something out in the second of many attempts."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def act(self, turn: Turn) -> Action:
        if turn.attempt == 1 and turn.steps:
            await LETTING_OUT[self.how]()
        return Submit() if turn.steps else turn.task.gold[0]


async def played(
    policy: Policy, suite: FakeSuite | None = None, backend: FakeBackend | None = None
) -> list[Episode]:
    backend = backend or FakeBackend()
    with anyio.fail_after(10):
        async with asynccode.rollout(
            suite or FakeSuite(3), policy, backend=backend, attempts=3, pool_size=0
        ) as run:
            episodes = [episode async for episode in run]
    assert backend.statistics()["open"] == 0
    return episodes


@pytest.mark.parametrize("how", LETTING_OUT)
async def test_what_a_policy_lets_out_is_the_end_of_that_episode_alone(how: str) -> None:
    episodes = await played(Fails(how))
    assert len(episodes) == 9
    for episode in episodes:
        if episode.attempt == 1:
            assert episode.stop_reason is StopReason.POLICY_ERROR
            assert episode.reward is None
            assert len(episode.steps) == 1
            assert TOLD[how] in (episode.error or "")
        else:
            assert episode.solved


class LeakyEnvironment(FakeEnvironment):
    method = ""
    how = ""
    acted = False

    async def _leak(self, method: str) -> None:
        if self._task.id == "t1" and self.method == method:
            await LETTING_OUT[self.how]()

    async def reset(self) -> str:
        query = await super().reset()
        await self._leak("reset")
        return query

    async def step(self, action: Action) -> StepResult:
        self.acted = True
        await self._leak("step")
        return await super().step(action)

    async def aclose(self) -> None:
        await super().aclose()
        if self.acted:  # it is closed before it is reset, too
            await self._leak("aclose")


class LeakySuite(FakeSuite):
    def __init__(self, method: str, how: str) -> None:
        super().__init__(3)
        self.kind = type("Leaky", (LeakyEnvironment,), {"method": method, "how": how})

    def environment(self, task: Task, worlds: Worlds) -> Environment:
        made = self.kind(task, worlds, self.limits)
        assert isinstance(made, Environment)
        return made


@pytest.mark.parametrize("how", LETTING_OUT)
@pytest.mark.parametrize("method", ["reset", "step", "aclose"])
async def test_what_an_environment_lets_out_is_a_harness_error(method: str, how: str) -> None:
    episodes = await played(Gold(), LeakySuite(method, how))
    assert len(episodes) == 9
    for episode in episodes:
        if episode.task_id != "t1":
            assert episode.solved
            continue
        assert TOLD[how] in (episode.error or "")
        assert episode.solved is (method == "aclose"), "a score that was known stays"
        if method != "aclose":
            assert episode.stop_reason is StopReason.HARNESS_ERROR


class LeakyBackend(FakeBackend):
    async def open(self, image: asynccode.Image, limits: Limits) -> asynccode.Sandbox:
        if self.opened == 2:
            self.opened += 1
            await stray()
        return await super().open(image, limits)


async def test_what_a_backend_lets_out_once_is_a_world_tried_again() -> None:
    episodes = await played(Gold(), backend=LeakyBackend())
    assert len(episodes) == 9
    assert all(episode.solved for episode in episodes)


async def test_what_a_backend_lets_out_while_it_prepares_is_an_error() -> None:
    class Unprepared(FakeBackend):
        async def prepare(self, image: asynccode.Image) -> str:
            await stray()

    with pytest.raises(Escaped, match="which nobody asked for"):
        await played(Gold(), backend=Unprepared())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_somebody_else_cancelled_is_no_cancellation_of_ours() -> None:
    class Helped(Policy):
        async def act(self, turn: Turn) -> Action:
            helper = asyncio.ensure_future(asyncio.sleep(9))
            helper.cancel()
            await helper
            raise AssertionError

    episodes = await played(Helped())
    assert [episode.stop_reason for episode in episodes] == [StopReason.POLICY_ERROR] * 9


class Leaking(Gold):
    async def aclose(self) -> None:
        await stray()


async def test_what_a_policy_lets_out_as_it_closes_is_an_error() -> None:
    got: list[Episode] = []
    with pytest.raises(Escaped, match="which nobody asked for"):
        async with asynccode.rollout(
            FakeSuite(2), f"{__name__}:Leaking", backend=FakeBackend()
        ) as run:
            got += [episode async for episode in run]
    assert [episode.solved for episode in got] == [True, True]


@pytest.mark.parametrize("many", [False, True])
async def test_an_interrupt_in_a_policy_stops_the_run_at_once(many: bool) -> None:
    class Interrupting(Policy):
        async def act(self, turn: Turn) -> Action:
            if (turn.task.id, turn.attempt) != ("t1", 0):
                await anyio.sleep_forever()
            if many:
                raise BaseExceptionGroup("", [ValueError("beside it"), KeyboardInterrupt()])
            raise KeyboardInterrupt

    backend = FakeBackend()
    with pytest.raises(KeyboardInterrupt):
        await played(Interrupting(), backend=backend)
    assert backend.statistics()["open"] == 0


class Waiting(Policy):
    async def act(self, turn: Turn) -> Action:
        await anyio.sleep_forever()
        raise AssertionError


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_is_cancelled_itself_stops_playing() -> None:
    suite = FakeSuite(1)
    backend = FakeBackend()
    game = play(suite.tasks[0], suite=suite, backend="fake", policy=Waiting(), worlds=backend)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(game, 0.1)
    assert backend.statistics()["open"] == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_run_whose_tasks_are_taken_away_does_not_end_as_if_it_were_done() -> None:
    with pytest.raises(BackendError, match="The run has lost 9 of 9 episodes"):
        await played(Vanishing())


async def test_cancellations_that_were_asked_for_pass() -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        with contained():
            await anyio.sleep(1)
    assert scope.cancelled_caught


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_coroutine_that_is_closed_from_outside_closes() -> None:
    async def waits() -> None:
        with contained():
            await anyio.sleep_forever()

    waiting = waits()
    task = asyncio.ensure_future(asyncio.sleep(0))
    await task
    waiting.send(None)
    # In this task it could be a policy's own: it is another's where a loop lets it go.
    await anyio.to_thread.run_sync(waiting.close)
