from __future__ import annotations

import errno
import os

import anyio
import pytest

from asynccode import admission as admission_module
from asynccode.admission import Admission, Room, Starts, exhausted
from asynccode.errors import BackendError, InputError
from asynccode.images import Image
from asynccode.machine import Machine
from asynccode.outcomes import Limits, MiB
from asynccode.testing.fakes import FakeBackend, Faults

MACHINE = Machine(cores=2, memory_bytes=1 << 34, open_files=65_536, processes=32_768)


def test_a_machine_is_measured() -> None:
    machine = Machine.measure()
    assert machine.cores >= 1
    assert machine.memory_bytes > MiB
    assert machine.sandboxes >= 1


@pytest.mark.parametrize(
    ("machine", "sandboxes"),
    [
        (Machine(cores=2, memory_bytes=1 << 40, open_files=1064, processes=1 << 22), 125),
        (Machine(cores=2, memory_bytes=400 * MiB, open_files=1 << 20, processes=1 << 22), 100),
        (Machine(cores=2, memory_bytes=1 << 40, open_files=1 << 20, processes=800), 100),
        (Machine(cores=2, memory_bytes=0, open_files=0, processes=0), 1),
    ],
)
def test_the_scarcest_decides(machine: Machine, sandboxes: int) -> None:
    assert machine.sandboxes == sandboxes


def test_episodes_at_once() -> None:
    assert MACHINE.episodes() == 256
    assert MACHINE.episodes(2000) == 2000
    assert MACHINE.episodes(5000) == MACHINE.sandboxes // 2
    assert Machine(cores=9, memory_bytes=0, open_files=0, processes=0).episodes(7) == 1
    with pytest.raises(InputError, match="at least 1, not 0"):
        MACHINE.episodes(0)


def test_starts_grow_while_they_are_quick_and_shrink_when_they_slow_down() -> None:
    starts = Starts(cores=2)
    for _ in range(100):
        starts = starts.after(0.01)
    assert starts.limit == 8
    shared = starts.after(0.03)
    assert shared.limit == 8, "eight on two cores take four times as long each"
    for _ in range(10):
        starts = starts.after(0.5)
    assert starts.limit < 2
    assert starts.limit >= 1


def test_starts_follow_a_machine_that_became_slower() -> None:
    starts = Starts(cores=2).after(0.01)
    for _ in range(2000):
        starts = starts.after(0.2)
    assert starts.limit == 8


def test_room_halves_and_grows_back_slowly() -> None:
    room = Room(limit=100, most=100).after_exhaustion(80)
    assert room.limit == 40
    assert room.after_exhaustion(400).limit == 20
    assert Room(limit=1, most=5).after_exhaustion(0).limit == 1
    assert Room(limit=8, most=9).after_exhaustion(0).limit == 4, "nothing there: the limit"
    assert Room(limit=8, most=9).after_exhaustion(6, floor=5).limit == 5
    assert Room(limit=8, most=9).after_exhaustion(6, floor=50).limit == 8
    for _ in range(39):
        room = room.after_success()
    assert room.limit == 40
    assert room.after_success().limit == 41
    assert Room(limit=5, most=5).after_success() == Room(limit=5, most=5)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_exhaustion_is_told_by_number_by_text_and_by_cause(number: int) -> None:
    assert exhausted(OSError(number, os.strerror(number)))
    assert exhausted(BackendError(f"clone failed: {os.strerror(number)}"))
    assert exhausted(BackendError(f"clone failed: {errno.errorcode[number]}"))
    wrapped = BackendError("the jail did not start")
    wrapped.__cause__ = OSError(number, "")
    assert exhausted(wrapped)


def test_other_errors_are_no_exhaustion() -> None:
    assert not exhausted(BackendError("no such file"))
    assert not exhausted(OSError(errno.ENOENT, ""))
    assert not exhausted(ValueError("cannot allocate memory"))


@pytest.mark.anyio
async def test_exhaustion_halves_and_tries_again() -> None:
    backend = FakeBackend(Faults(fail={"open": 1}, text=os.strerror(errno.EAGAIN)))
    admission = Admission(64, machine=MACHINE)
    before = admission.statistics()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(visit, admission, backend)
    assert backend.statistics()["open"] == 0
    assert backend.opened == 10
    after = admission.statistics()
    assert after["halvings"] == 1
    assert after["alive_limit"] < before["alive_limit"]
    assert after["episodes_limit"] < before["episodes_limit"]
    assert after["alive"] == 0


@pytest.mark.anyio
async def test_starts_that_fail_together_halve_once() -> None:
    backend = FakeBackend(
        Faults(fail={"open": 8}, slow={"open": 0.01}, text=os.strerror(errno.ENOMEM))
    )
    admission = Admission(64, machine=Machine(**{**_fields(MACHINE), "cores": 8}))
    admission.starting.total_tokens = 8
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(visit, admission, backend)
    assert admission.statistics()["halvings"] == 1
    assert backend.opened == 8


async def visit(admission: Admission, backend: FakeBackend) -> None:
    async with await admission.open(backend, Image(), Limits()):
        await anyio.sleep(0.01)


def _fields(machine: Machine) -> dict[str, int]:
    return {
        "cores": machine.cores,
        "memory_bytes": machine.memory_bytes,
        "open_files": machine.open_files,
        "processes": machine.processes,
    }


@pytest.mark.anyio
async def test_exhaustion_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "RETRIES", 2)
    backend = FakeBackend(Faults(fail={"open": 1000}, text="Cannot allocate memory"))
    admission = Admission(64, machine=MACHINE)
    with pytest.raises(BackendError, match="Cannot allocate memory"):
        await admission.open(backend, Image(), Limits())
    assert backend.faults.entered["open"] == 3
    assert admission.statistics()["alive"] == 0


@pytest.mark.anyio
async def test_other_failures_are_not_tried_again() -> None:
    backend = FakeBackend(Faults(fail={"open": 1}))
    admission = Admission(64, machine=MACHINE)
    with pytest.raises(BackendError):
        await admission.open(backend, Image(), Limits())
    assert backend.faults.entered["open"] == 1
    assert admission.statistics()["alive"] == 0


@pytest.mark.anyio
async def test_waiting_for_room_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "ROOM_SECONDS", 0.05)
    backend = FakeBackend()
    admission = Admission(1, machine=Machine(cores=1, memory_bytes=0, open_files=0, processes=0))
    leases = [await admission.open(backend, Image(), Limits()) for _ in range(2)]
    with pytest.raises(BackendError, match=r"no room .* none was closed within 0\.05 s"):
        await admission.open(backend, Image(), Limits())
    await leases[0].aclose()
    await leases[0].aclose()  # twice is once
    async with await admission.open(backend, Image(), Limits()):
        assert admission.statistics()["alive"] == 2
    await leases[1].aclose()
    assert admission.statistics()["alive"] == 0


@pytest.mark.anyio
async def test_waiting_for_room_goes_on_while_others_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "ROOM_SECONDS", 1.0)
    backend = FakeBackend()
    admission = Admission(1, machine=Machine(cores=1, memory_bytes=0, open_files=0, processes=0))
    opened = []

    async def use() -> None:
        async with await admission.open(backend, Image(), Limits()):
            opened.append(1)
            await anyio.sleep(0.25)

    async with anyio.create_task_group() as group:
        for _ in range(12):  # two at once: the last waits for 1.25 s
            group.start_soon(use)
    assert len(opened) == 12


@pytest.mark.anyio
async def test_a_cancelled_start_gives_its_room_back() -> None:
    backend = FakeBackend(Faults(slow={"open": 60}))
    admission = Admission(4, machine=MACHINE)
    with anyio.move_on_after(0.05):
        await admission.open(backend, Image(), Limits())
    assert admission.statistics()["alive"] == 0
    assert admission.statistics()["starting"] == 0
