from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from asynccode.admission import Admission
from asynccode.errors import BackendError
from asynccode.images import Image
from asynccode.interfaces import sandbox_of
from asynccode.lease import Lease
from asynccode.machine import Machine
from asynccode.outcomes import Limits
from asynccode.pool import IDLE_SECONDS, Demand, Pool
from asynccode.testing.fakes import FakeBackend, FakeSandbox, Faults

pytestmark = pytest.mark.anyio

BIG = Machine(cores=4, memory_bytes=1 << 40, open_files=100_000, processes=100_000)
IMAGE, OTHER = Image(), Image(workdir="/other")
LIMITS = Limits()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():
            await anyio.sleep(0.005)


def make(backend: FakeBackend, size: int | None = 8, machine: Machine = BIG) -> Pool:
    return Pool(backend, Admission(8, machine=machine), size=size)


def inside(lease: object) -> FakeSandbox:
    assert isinstance(lease, Lease)
    assert isinstance(lease.sandbox, FakeSandbox)
    return lease.sandbox


async def test_after_demand_a_ready_one_is_handed_out_at_once() -> None:
    backend = FakeBackend(Faults(slow={"open": 0.02}))
    async with make(backend) as pool:
        for _ in range(2):
            await (await pool.open(IMAGE, LIMITS)).aclose()
        await until(lambda: pool.statistics()["ready"] >= 1)
        opened = backend.opened
        async with await pool.open(IMAGE, LIMITS) as sandbox:
            assert inside(sandbox).is_alive
            assert backend.opened == opened
        assert pool.statistics()["warm"] == 1
        assert pool.statistics()["handed_out"] == 3
    assert backend.statistics()["open"] == 0


async def test_a_sandbox_is_handed_out_once() -> None:
    backend = FakeBackend()
    async with make(backend) as pool:
        seen = []
        for _ in range(50):
            lease = await pool.open(IMAGE, LIMITS)
            seen.append(inside(lease))
            await lease.aclose()
            await anyio.lowlevel.checkpoint()
        assert len(set(map(id, seen))) == 50


async def test_image_and_limits_both_fit() -> None:
    backend = FakeBackend()
    pairs = [(IMAGE, LIMITS), (OTHER, LIMITS), (IMAGE, Limits(step_seconds=1)), (Image(), LIMITS)]
    async with make(backend) as pool:
        for _ in range(20):
            for image, limits in pairs:
                async with await pool.open(image, limits) as lease:
                    assert inside(lease).image == image
                    assert inside(lease).limits == limits
                await anyio.sleep(0.001)
        assert pool.statistics()["warm"] > 0


async def test_a_dead_one_on_the_shelf_is_replaced() -> None:
    backend = FakeBackend()
    async with make(backend) as pool:
        for _ in range(2):
            await (await pool.open(IMAGE, LIMITS)).aclose()
        await until(lambda: pool.statistics()["ready"] >= 1)
        for sandbox in backend.sandboxes:
            sandbox.alive = False
        async with await pool.open(IMAGE, LIMITS) as lease:
            assert inside(lease).is_alive
        assert pool.statistics()["replaced"] >= 1
    assert backend.statistics()["open"] == 0


async def test_failing_to_warm_up_is_met_by_who_asks_next_and_not_repeated() -> None:
    backend = FakeBackend()
    async with make(backend) as pool:
        first = await pool.open(IMAGE, LIMITS)
        backend.faults.fail["open"] = 3
        with pytest.raises(BackendError):
            await pool.open(IMAGE, LIMITS)
        await anyio.sleep(0.05)
        assert backend.faults.fail["open"] == 2  # nothing tried in the background
        backend.faults.fail.clear()
        await (await pool.open(IMAGE, LIMITS)).aclose()
        await first.aclose()


async def test_no_size_keeps_nothing_ready() -> None:
    backend = FakeBackend()
    async with make(backend, size=0) as pool:
        for _ in range(5):
            await (await pool.open(IMAGE, LIMITS)).aclose()
            await anyio.sleep(0.005)
        assert backend.statistics()["open"] == 0
        assert backend.opened == 5


async def test_ready_ones_make_room_when_no_more_may_be_alive() -> None:
    backend = FakeBackend()
    admission = Admission(1, machine=Machine(cores=1, memory_bytes=1, open_files=1, processes=1))
    assert admission.statistics()["alive_limit"] == 2
    async with Pool(backend, admission, size=1) as pool:
        for _ in range(2):
            await (await pool.open(IMAGE, LIMITS)).aclose()
        await until(lambda: pool.statistics()["ready"] == 1)
        with anyio.fail_after(5):
            async with await pool.open(OTHER, LIMITS), await pool.open(OTHER, LIMITS):
                assert backend.peak <= 2


async def test_what_will_not_be_asked_for_is_not_started() -> None:
    backend = FakeBackend()
    async with make(backend) as pool:
        pool.ahead = 0
        for _ in range(5):
            await (await pool.open(IMAGE, LIMITS)).aclose()
            await anyio.sleep(0.005)
        assert backend.opened == 5


async def test_closing_waits_for_nothing_but_closes_all() -> None:
    backend = FakeBackend(Faults(slow={"open": 0.2}))
    with anyio.fail_after(5):
        async with make(backend) as pool:
            leases = [await pool.open(IMAGE, LIMITS) for _ in range(2)]
            for lease in leases:
                await lease.aclose()
            assert pool.statistics()["starting"] > 0
    assert backend.statistics()["open"] == 0
    assert pool.statistics()["ready"] == 0


async def test_what_a_backend_has_beyond_the_interface_is_reached_through_the_lease() -> None:
    backend = FakeBackend()
    async with make(backend) as pool, sandbox_of(await pool.open(IMAGE, LIMITS)) as sandbox:
        await sandbox.write("/a", b"1")
        assert await sandbox.read("/a") == b"1"
        assert (await sandbox.exec(["echo", "hi"])).output == b"hi\n"
        assert [change.path for change in await sandbox.changes()] == [b"/a"]
        assert sandbox.files == {"/a": b"1"}  # type: ignore[attr-defined]


def test_demand_decides_how_many_are_kept() -> None:
    demand = Demand()
    assert demand.target(0.0) == 0
    demand = demand.after_open(1.0)
    assert demand.target(1.0) == 0, "one open is no demand"
    for number in range(1, 50):
        demand = demand.after_open(1.0 + number / 100).after_start(0.02)
    now = demand.last
    assert 4 <= demand.target(now) <= 6, "100 a second, 20 ms each, two starts ahead"
    assert demand.target(now + 10) == 2, "it fades"
    assert demand.target(now + IDLE_SECONDS + 1) == 0, "and ends"
    quick = demand.after_start(0.001)
    assert quick.start < demand.start
