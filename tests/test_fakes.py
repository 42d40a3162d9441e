from __future__ import annotations

import anyio
import pytest

from asynccode.errors import BackendError, InputError, SandboxLost
from asynccode.images import Image
from asynccode.outcomes import Limits, Outcome
from asynccode.testing.fakes import FakeBackend, Faults

pytestmark = pytest.mark.anyio


async def test_the_tiny_language() -> None:
    backend = FakeBackend()
    async with (
        await backend.open(Image(), Limits()) as sandbox,
        await sandbox.session() as session,
    ):
        assert (await session.run("echo a\necho b c")).output == b"a\nb c\n"
        assert (await session.run("set x 1 2\nget x")).output == b"1 2\n"
        assert (await session.run("write /f hello")).outcome is Outcome.OK
        assert (await session.run("cat /f")).output == b"hello\n"
        assert await sandbox.read("/f") == b"hello"
        assert (await session.run("rm /f")).exit_code == 0
        gone = await session.run("cat /f")
        assert (gone.outcome, gone.exit_code) == (Outcome.NONZERO, 1)
        left = await session.run("echo a\nexit 3\necho b")
        assert (left.output, left.exit_code) == (b"a\n", 3)
        assert (await session.run("nonsense")).exit_code == 127
        assert (await session.run("echo \0")).outcome is Outcome.REFUSED
        hung = await session.run("echo before\nhang", seconds=0.05)
        assert (hung.outcome, hung.output) == (Outcome.TIMEOUT, b"before\n")
        assert (await session.run("get x")).output == b"1 2\n"
        with pytest.raises(SandboxLost):
            await session.run("fail")
        with pytest.raises(SandboxLost):
            await session.run("echo")
    assert backend.statistics() == {"open": 0, "opened": 1, "peak": 1}


async def test_output_beyond_the_limit_is_dropped() -> None:
    backend = FakeBackend()
    async with await backend.open(Image(), Limits(output_bytes=3)) as sandbox:
        result = await sandbox.exec(["echo", "abcdef"], split=True)
    assert (result.outcome, result.output) == (Outcome.OUTPUT_LIMIT, b"abc")
    assert result.truncated
    assert result.stdout == b"abc"


async def test_one_session_at_a_time() -> None:
    backend = FakeBackend()
    async with await backend.open(Image(), Limits()) as sandbox:
        async with await sandbox.session():
            with pytest.raises(InputError):
                await sandbox.session()
        await (await sandbox.session()).aclose()


@pytest.mark.parametrize("phase", ["prepare", "open", "session", "exec", "changes", "close"])
async def test_phases_fail_as_often_as_asked(phase: str) -> None:
    backend = FakeBackend(Faults(fail={phase: 1}))

    async def once() -> None:
        await backend.prepare(Image())
        async with await backend.open(Image(), Limits()) as sandbox:
            await sandbox.session()
            await sandbox.exec(["true"])
            await sandbox.changes(hashes=True)

    with pytest.raises(BackendError, match=f"{phase}: a fault was asked for"):
        await once()
    await once()
    assert backend.statistics()["open"] == 0


async def test_phases_are_slow_as_asked() -> None:
    backend = FakeBackend(Faults(slow={"open": 60.0}))
    with anyio.move_on_after(0.02) as clock:
        await backend.open(Image(), Limits())
    assert clock.cancelled_caught
    assert backend.statistics()["opened"] == 0
