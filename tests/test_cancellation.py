from __future__ import annotations

import anyio
import pytest

import asynccode
from asynccode.policies import Gold
from asynccode.testing.fakes import FakeBackend, FakeSuite, Faults

pytestmark = pytest.mark.anyio

PHASES = ["prepare", "open", "session", "run", "changes", "close"]


@pytest.mark.parametrize("phase", PHASES)
async def test_cancelled_in_any_phase_a_run_leaves_nothing_behind(phase: str) -> None:
    backend = FakeBackend(Faults(slow={phase: 0.3}))
    backend.faults.reached[phase] = reached = anyio.Event()

    async def watch(scope: anyio.CancelScope) -> None:
        await backend.faults.reached[phase].wait()
        scope.cancel()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(watch, scope)
                async with asynccode.rollout(FakeSuite(8), Gold(), backend=backend) as run:
                    async for _ in run:
                        pass
    assert reached.is_set()
    assert scope.cancelled_caught
    assert backend.statistics()["open"] == 0


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08])
async def test_cancelled_at_any_moment_a_run_leaves_nothing_behind(delay: float) -> None:
    slow = dict.fromkeys(PHASES, 0.01)
    backend = FakeBackend(Faults(slow=slow))
    with anyio.fail_after(10):
        with anyio.move_on_after(delay):
            async with asynccode.rollout(FakeSuite(64), Gold(), backend=backend) as run:
                async for _ in run:
                    pass
    assert backend.statistics()["open"] == 0


@pytest.mark.parametrize("phase", ["close"])
async def test_a_failing_close_during_cancellation_is_no_error_of_the_run(phase: str) -> None:
    backend = FakeBackend(Faults(fail={phase: 1000}, slow={"run": 60.0}))
    with anyio.fail_after(10):
        with anyio.move_on_after(0.1):
            async with asynccode.rollout(FakeSuite(8), Gold(), backend=backend) as run:
                async for _ in run:
                    pass
    assert backend.statistics()["open"] == 0
