"""Python sessions beyond the conformance checks: ready ones, missing ones, and what is seen."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from asynccode.admission import Admission
from asynccode.backends.local import LocalBackend
from asynccode.errors import InputError, SandboxLost
from asynccode.images import Image
from asynccode.lease import Lease
from asynccode.outcomes import Limits, Outcome
from asynccode.pool import Pool
from asynccode.python import open_python

pytestmark = pytest.mark.anyio
READY = Image(python="python3")


async def ready(pool: Pool) -> Lease:
    """Ask a pool until it has a ready sandbox to give."""
    for _ in range(100):
        lease = await pool.open(READY, Limits())
        assert isinstance(lease, Lease)
        if lease.interpreter is not None:
            return lease
        await lease.aclose()
        await anyio.sleep(0.1)
    raise AssertionError("no sandbox was made ready with an interpreter")


async def test_a_pool_s_interpreter_waits_in_a_ready_sandbox_and_is_taken_once(
    local_backend: LocalBackend,
) -> None:
    async with Pool(local_backend, Admission(4), size=2) as pool, await ready(pool) as lease:
        waiting = lease.interpreter
        assert waiting is not None
        async with await open_python(lease, Limits()) as one:
            assert lease.interpreter is None
            worker = (await one.run("import os; os.getpid()")).text
            assert worker == f"{waiting.worker}\n"
            async with await open_python(lease, Limits()) as two:
                assert (await two.run("import os; os.getpid()")).text != worker


async def test_an_interpreter_that_died_while_it_waited_is_replaced(
    local_backend: LocalBackend,
) -> None:
    async with Pool(local_backend, Admission(4), size=2) as pool, await ready(pool) as lease:
        assert lease.interpreter is not None
        await lease.exec(["kill", "-9", str(lease.interpreter._keeper)])
        await anyio.sleep(0.1)
        async with await open_python(lease, Limits()) as session:
            result = await session.run("6 * 7")
            assert (result.outcome, result.text) == (Outcome.OK, "42\n")


def test_images_that_wait_for_python_are_told_apart_and_others_keep_their_digests() -> None:
    assert READY.digest != Image().digest
    assert Image(python=None).digest == Image().digest


async def test_without_a_python_there_is_one_sentence(local_backend: LocalBackend) -> None:
    async with await local_backend.open(Image(), Limits()) as sandbox:
        with pytest.raises(InputError, match=r"no-python does not start .* choose a base"):
            await open_python(sandbox, Limits(), python="no-python")
        with pytest.raises(InputError, match="choose a base"):
            await open_python(sandbox, Limits(), python="true")


async def test_after_the_end_it_is_lost(local_backend: LocalBackend) -> None:
    async with await local_backend.open(Image(), Limits()) as sandbox:
        session = await open_python(sandbox, Limits())
        await session.aclose()
        await session.aclose()
        with pytest.raises(SandboxLost, match="closed"):
            await session.run("1")


async def test_it_starts_in_workdir_and_imports_from_there(local_backend: LocalBackend) -> None:
    async with await local_backend.open(Image(), Limits()) as sandbox:
        await sandbox.write("here.py", b"x = 7")
        await sandbox.write("traceback.py", b"1 / 0")
        await sandbox.write("linecache.py", b"1 / 0")
        async with await open_python(sandbox, Limits()) as session:
            assert (await session.run("import here; here.x")).text == "7\n"
            result = await session.run("undefined")
            assert result.text.endswith("NameError: name 'undefined' is not defined\n")
            result = await session.run("import sys; (__name__, sys.argv, sys.path[0])")
            assert result.text == "('__main__', [''], '')\n"


async def test_what_looks_at_itself_finds_the_step_s_own_source(
    local_backend: LocalBackend,
) -> None:
    async with (
        await local_backend.open(Image(), Limits()) as sandbox,
        await open_python(sandbox, Limits()) as session,
    ):
        await session.run("def f():\n    return 12")
        await anyio.sleep(0.5)
        result = await session.run("import inspect; print(inspect.getsource(f), end='')")
        assert result.text == "def f():\n    return 12\n"
        code = "import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))) is A"
        assert (await session.run(code)).text == "True\n"
        result = await session.run("import threading; threading.active_count()")
        assert result.text == "1\n"


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_session_leaves_no_process_behind(local_backend: LocalBackend) -> None:
    async with await local_backend.open(Image(), Limits()) as sandbox:
        session = await open_python(sandbox, Limits())
        text = (await session.run("import os; (os.getpid(), os.getppid())")).text
        pids = [int(word.strip("()\n")) for word in text.split(",")]
        assert all(is_running(pid) for pid in pids)
        await session.aclose()
        with anyio.fail_after(30):  # what was killed needs a moment to be gone
            while any(is_running(pid) for pid in pids):
                await anyio.sleep(0.01)
