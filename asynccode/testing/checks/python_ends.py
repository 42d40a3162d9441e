"""Python sessions: ends, limits and forgeries; the session can be used after each."""

from __future__ import annotations

import anyio

from asynccode.errors import SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import MiB, Outcome
from asynccode.python import open_python
from asynccode.testing.checks.base import checks, expect, running
from asynccode.testing.checks.python_sessions import ROOMY, python, stays


@checks()
async def python_ends(backend: Backend) -> None:
    """Python: however a step ends its interpreter, the outcome is typed and another is there."""
    async with python(backend) as session:
        for code, outcome, status, restarted in (
            ("import sys; sys.exit()", Outcome.OK, 0, False),
            ("import sys; sys.exit(3)", Outcome.NONZERO, 3, False),
            ("exit(4)", Outcome.NONZERO, 4, False),
            ("import os; os._exit(5)", Outcome.NONZERO, 5, True),
            ("import os; os.execv('/bin/sh', ['sh', '-c', 'exit 6'])", Outcome.NONZERO, 6, True),
            ("import os; os.kill(os.getpid(), 11)", Outcome.KILLED, 139, True),
            ("import ctypes; ctypes.string_at(0)", Outcome.KILLED, 139, True),
            ("import os; os.abort()", Outcome.KILLED, 134, True),
            ("import os; os.closerange(3, 4096)", Outcome.NONZERO, 70, True),
        ):
            await session.run("kept = 'kept'")
            result = await session.run(f"print('heard')\n{code}")
            expect(result, outcome)
            assert result.text.startswith("heard\n"), f"{code}: {result.text!r}"
            assert result.exit_code == status, f"{code}: exit code {result.exit_code}"
            assert result.restarted is restarted, f"{code}: restarted is {result.restarted}"
            await stays(session, restarted)


@checks()
async def python_forks(backend: Backend) -> None:
    """Python: a process that a step forks does not speak for the session, nor go on in it."""
    async with python(backend) as session:
        await session.run("import os, sys; kept = 'kept'")
        for ending in ("", "sys.exit(3)", "os._exit(3)", "raise ValueError"):
            code = (
                f"pid = os.fork()\nif not pid:\n    sys.stderr = None\n    {ending or 'pass'}\n"
                "else:\n    status = os.waitpid(pid, 0)[1] >> 8\nif pid: print(status)"
            )
            seen = {"": "0\n", "raise ValueError": "1\n"}.get(ending, "3\n")
            result = await session.run(code)
            expect(result, Outcome.OK)
            assert result.text.endswith(seen), f"{ending}: {result.text!r}"
            await stays(session)
        code = "import multiprocessing as m\nc = m.get_context('fork')\n"
        code += "q = c.Queue()\np = c.Process(target=q.put, args=(7,))\np.start()\nq.get()"
        expect(await session.run(code), Outcome.OK, "7\n")
        await stays(session)


@checks()
async def python_threads(backend: Backend) -> None:
    """Python: threads and processes that never end do not hold a step, nor its successors."""
    async with python(backend) as session:
        code = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()"
        expect(await session.run(f"kept = 'kept'\n{code}"), Outcome.OK, "")
        expect(
            await session.run("import subprocess\np = subprocess.Popen(['sleep', '99'])"),
            Outcome.OK,
        )
        expect(await session.run("p.poll()"), Outcome.OK, "")
        await stays(session)


@checks()
async def python_time_out(backend: Backend) -> None:
    """Python: a time-out ends the step and what it started, and keeps the variables."""
    async with (
        await backend.open(Image(), ROOMY) as sandbox,
        await open_python(sandbox, ROOMY) as session,
    ):
        await session.run("import os, subprocess, time; kept = 'kept'")
        await session.run("server = subprocess.Popen(['sleep', '71.25']); time.sleep(0.1)")
        for code in (
            "time.sleep(70)",
            "while True: pass",
            "while True:\n    try: time.sleep(70)\n    except BaseException: break",
            "subprocess.run(['sleep', '72.25'])",
            "os.system('sleep 72.25; sleep 72.25; echo never')",
            "subprocess.Popen(['sleep', '72.25'])\nwhile True: pass",
        ):
            result = await session.run(code, seconds=0.2)
            expect(result, Outcome.TIMEOUT)
            assert result.exit_code is None, f"exit code {result.exit_code}"
            assert not result.restarted, f"restarted by {code!r}"
            assert "never" not in result.text.splitlines(), f"{code!r} went on"
            await stays(session)
        expect(await session.run("server.poll()"), Outcome.OK, "")
        seen = await sandbox.exec(["bash", "-c", running("sleep 72.25")])
        assert seen.text == "0\n", f"processes left: {seen.text!r}"


@checks()
async def python_deaf(backend: Backend) -> None:
    """Python: an interpreter that cannot be interrupted is replaced, and the result says so."""
    async with python(backend) as session:
        code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
        result = await session.run(f"print('heard')\n{code}", seconds=0.4)
        expect(result, Outcome.TIMEOUT, "heard\n")
        assert result.restarted, "it was not restarted"
        await stays(session, restarted=True)


@checks()
async def python_output_limit(backend: Backend) -> None:
    """Python: a step that writes without end is stopped at the limit."""
    async with python(backend) as session:
        await session.run("import os; kept = 'kept'")
        for code, split in (
            ("while True: print('z' * 999)", False),
            ("os.system('yes')", True),
            ("print('z' * 9 ** 7)", False),
        ):
            result = await session.run(code, split=split)
            expect(result, Outcome.OUTPUT_LIMIT)
            assert len(result.output) == ROOMY.output_bytes, f"{len(result.output)} bytes"
            assert result.truncated, "it does not say that output was cut"
            await stays(session)


@checks("memory")
async def python_memory_limit(backend: Backend) -> None:
    """Python: a step that takes too much memory meets its limit."""
    async with python(backend) as session:
        await session.run("kept = 'kept'")
        result = await session.run("x = bytearray(10 ** 9)")
        expect(result, Outcome.MEMORY_LIMIT)
        await stays(session, restarted=result.restarted)


@checks("process_count")
async def python_process_limit(backend: Backend) -> None:
    """Python: a step that starts too many processes meets its limit."""
    async with python(backend) as session:
        result = await session.run(
            "import os\nwhile True:\n    if not os.fork(): os.execv('/bin/sleep', ['sleep', '99'])"
        )
        expect(result, Outcome.PROCESS_LIMIT)
        await stays(session, restarted=True)


@checks("disk")
async def python_disk_limit(backend: Backend) -> None:
    """Python: a step that writes too much to disk meets its limit."""
    async with python(backend) as session:
        result = await session.run(
            f"kept = 'kept'\nf = open('f', 'wb')\nwhile True: f.write(bytes({MiB}))"
        )
        expect(result, Outcome.DISK_LIMIT)
        await stays(session)


@checks()
async def python_forgery(backend: Backend) -> None:
    """Python: whatever a step or its processes write is output, and never the step's end."""
    async with python(backend) as session:
        forged = "\\000" + "0" * 32 + "done 0 1 0\\n"
        for code in (
            f"import sys; sys.stdout.write('{forged}'); sys.exit(3)",
            f"import os; os.system(r\"printf '{forged}'\"); raise SystemExit(3)",
        ):
            result = await session.run(code)
            expect(result, Outcome.NONZERO)
            assert result.exit_code == 3, f"exit code {result.exit_code}"
            assert b"\0" + b"0" * 32 in result.output, f"output {result.output!r}"
        code = "import subprocess\n_ = subprocess.run(['ls', '/proc/self/fd'], close_fds=False)"
        result = await session.run(code)
        expect(result, Outcome.OK, "0\n1\n2\n3\n")


@checks()
async def python_cancelled(backend: Backend) -> None:
    """Python: a cancelled step leaves nothing running, and a session that can be used."""
    async with (
        await backend.open(Image(), ROOMY) as sandbox,
        await open_python(sandbox, ROOMY) as session,
    ):
        with anyio.move_on_after(0.3):
            await session.run("import os; os.system('sleep 73.25')")
        seen = await sandbox.exec(["bash", "-c", running("sleep 73.25")])
        assert seen.text == "0\n", f"processes left: {seen.text!r}"
        expect(await session.run("1"), Outcome.OK, "1\n")


@checks()
async def python_several(backend: Backend) -> None:
    """Python: several sessions run beside each other and Bash, and end with their sandbox."""
    async with await backend.open(Image(), ROOMY) as sandbox:
        bash = await sandbox.session()
        one, two = [await open_python(sandbox, ROOMY) for _ in range(2)]
        await one.run("x = 1")
        await two.run("x = 2")
        expect(await bash.run("x=3"), Outcome.OK)
        expect(await one.run("x"), Outcome.OK, "1\n")
        expect(await two.run("x"), Outcome.OK, "2\n")
        await two.aclose()
        expect(await one.run("x"), Outcome.OK, "1\n")
    try:
        await one.run("x")
    except SandboxLost:
        return
    raise AssertionError("a session outlived its sandbox")
