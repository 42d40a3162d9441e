"""Containers that are used again: what a pool hands out, what it counts, who is found out."""

from __future__ import annotations

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.container import Container
from asynccode.backends.engine.hands import HostHand
from asynccode.backends.engine.sandbox import EngineSandbox
from asynccode.errors import SandboxLost
from asynccode.images import Image
from asynccode.interfaces import sandbox_of
from asynccode.lease import Lease
from asynccode.outcomes import Limits
from asynccode.pool import Pool

from .engines import anyio_backend, engine, left_of

__all__ = ["anyio_backend", "engine"]
pytestmark = [pytest.mark.anyio, pytest.mark.engine]

TRACER = r"""python3 - <<'END'
import ctypes, os, time
libc = ctypes.CDLL(None)
SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
assert libc.ptrace(SEIZE, 1, 0, 0) == 0
assert libc.ptrace(INTERRUPT, 1, 0, 0) == 0
os.waitpid(1, 0x40000000)
assert libc.ptrace(DETACH, 1, 0, 0) == 0
print("had it")
END"""
"""Stops process 1 and lets it go on, as who wants to change its registers would."""


async def _use(pool: Pool, code: str) -> tuple[str, str]:
    """Play an episode of one step; gives the container's name and what the step said."""
    async with sandbox_of(await pool.open(Image(), Limits())) as sandbox:
        assert isinstance(sandbox, Lease)
        result = await (await sandbox.session()).run(code)
        return str(sandbox.name), result.text


async def test_a_container_is_handed_out_again_and_knows_nothing(engine: EngineBackend) -> None:
    async with Pool(engine) as pool:
        first, _ = await _use(pool, "secret=1; cd /; sleep 1000 &")
        names, said = zip(*[await _use(pool, "echo $secret; pwd") for _ in range(5)], strict=True)
        assert len({first, *names}) < 6
        assert set(said) == {"\n/work\n"}
        # On a busy machine process 1 may be seen to lose a processor, which is not believed.
        assert pool.statistics()["recycled"] >= 4, engine.spoilt
        assert pool.statistics()["recycled"] + pool.statistics()["spoilt"] == 6


async def test_what_was_written_in_is_removed_and_counted(engine: EngineBackend) -> None:
    before = engine.statistics()["spoilt"]
    async with Pool(engine) as pool:
        first, _ = await _use(pool, "touch file; rm file")
        names = [(await _use(pool, "ls"))[0] for _ in range(3)]
        assert first not in names
        assert pool.statistics()["spoilt"] >= 1
        assert engine.statistics()["spoilt"] == before + pool.statistics()["spoilt"]
        assert engine.spoilt["files"] > 0


async def test_without_recycling_each_is_used_once(engine: EngineBackend) -> None:
    async with Pool(engine, recycle=False) as pool:
        names = [(await _use(pool, "ls"))[0] for _ in range(3)]
        assert len(set(names)) == 3


async def test_nothing_is_kept_that_nobody_will_ask_for(engine: EngineBackend) -> None:
    async with Pool(engine) as pool:
        pool.ahead = 0
        await _use(pool, "ls")
        assert pool.statistics()["ready"] == 0
        assert engine.statistics()["open"] == 0


async def test_a_container_that_ends_at_once_ends_recycling_for_no_other(
    engine: EngineBackend,
) -> None:
    assert engine.recycles
    async with await engine.open(Image(), Limits()) as sandbox:
        assert isinstance(sandbox, EngineSandbox)
        container, hand = Container(engine, Image()), sandbox._container.hand
        assert isinstance(hand, HostHand)
        known = {"GraphDriver": {"Data": {"UpperDir": "/nowhere"}}}
        await container._remember(2**22 + 1, known, hand, 1)  # no process can have that number
    assert container.mould is None
    assert engine.recycles


async def test_who_traces_the_first_process_is_found_out(engine: EngineBackend) -> None:
    sandbox = await engine.open(Image(), Limits())
    assert (await (await sandbox.session()).run(TRACER)).text == "had it\n"
    before = engine.spoilt["process 1"]
    assert await sandbox.renew() is None
    assert engine.spoilt["process 1"] == before + 1


async def test_a_sandbox_in_the_middle_of_a_step_is_removed(engine: EngineBackend) -> None:
    sandbox = await engine.open(Image(), Limits())
    session = await sandbox.session()

    async def step() -> None:
        with pytest.raises(SandboxLost):
            await session.run("sleep 60")

    async with anyio.create_task_group() as group:
        group.start_soon(step)
        await anyio.sleep(0.1)
        assert await sandbox.renew() is None


async def test_one_that_somebody_has_paused_is_removed(engine: EngineBackend) -> None:
    sandbox = await engine.open(Image(), Limits())
    before = engine.spoilt["paused"]
    await anyio.run_process([engine.name, "pause", sandbox.name])
    assert await sandbox.renew() is None
    assert engine.spoilt["paused"] == before + 1
    assert engine.statistics()["open"] == 0
    assert await left_of(engine.name, engine.run) == []
