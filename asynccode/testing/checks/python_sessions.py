"""Python sessions: state, echo, errors, streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve

from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import MiB, Outcome
from asynccode.python import PythonSession, open_python
from asynccode.testing.checks.base import TIGHT, checks, expect

ROOMY = evolve(TIGHT, step_seconds=10.0, memory_bytes=160 * MiB)


@asynccontextmanager
async def python(backend: Backend, *, keep: bool = True) -> AsyncIterator[PythonSession]:
    """Give a Python session in a sandbox of its own."""
    async with (
        await backend.open(Image(), ROOMY) as sandbox,
        await open_python(sandbox, ROOMY, keep=keep) as session,
    ):
        yield session


async def stays(session: PythonSession, restarted: bool = False) -> None:
    """Assert that a session can be used, and whether its variables are there."""
    if restarted:
        expect(await session.run("kept = 'again'"), Outcome.OK, "")
    expect(await session.run("kept"), Outcome.OK, "'again'\n" if restarted else "'kept'\n")


@checks()
async def python_state(backend: Backend) -> None:
    """Python: variables, imports, functions and the directory survive from step to step."""
    async with python(backend) as session:
        await session.run("import os, math\nx = 6\ndef double(n):\n    return 2 * n")
        await session.run("os.mkdir('d'); os.chdir('d'); f = open('f', 'w+')")
        await session.run("_ = f.write('open'); f.seek(0)")
        code = "print(f.read(), os.path.basename(os.getcwd()))\ndouble(x) + math.floor(0.5)"
        expect(await session.run(code), Outcome.OK, "open d\n12\n")
        await session.run("from __future__ import annotations")
        expect(await session.run("def g(a: not_there): pass"), Outcome.OK, "")


@checks()
async def python_echo(backend: Backend) -> None:
    """Python: an expression at the end echoes its value, as a REPL would, and nothing else."""
    async with python(backend) as session:
        for code, output in (
            ("1; 2", "2\n"),
            ("None", ""),
            ("x = 3", ""),
            ("for x in 'ab':\n    x", ""),
            ("'é\\n'", "'é\\n'\n"),
            ("# nothing", ""),
            ("", ""),
            ("print('a')\n[\n  1,\n]", "a\n[1]\n"),
        ):
            expect(await session.run(code), Outcome.OK, output)
        for code in ("print('\0')", "print('\ud800')"):
            result = await session.run(code)
            assert result.outcome is Outcome.REFUSED, f"{code!r} ended as {result.outcome}"


@checks()
async def python_errors(backend: Backend) -> None:
    """Python: a traceback shows the steps' own lines, and nothing of the machinery."""
    async with python(backend) as session:
        await session.run("kept = 'kept'\ndef f(n):\n    return 1 / n")
        result = await session.run("x = 1\nf(0)")
        expect(result, Outcome.NONZERO)
        assert result.exit_code == 1, f"exit code {result.exit_code}"
        lines = [line for line in result.text.splitlines() if not set(line) <= set(" ^~")]
        assert lines == [
            "Traceback (most recent call last):",
            '  File "<step 2>", line 2, in <module>',
            "    f(0)",
            '  File "<step 1>", line 3, in f',
            "    return 1 / n",
            "ZeroDivisionError: division by zero",
        ], f"traceback {result.text!r}"
        result = await session.run("print('never')\ny = = 2")
        expect(result, Outcome.NONZERO)
        assert result.text.startswith('  File "<step 3>", line 2\n    y = = 2\n'), result.text
        result = await session.run(
            "try:\n    f(0)\nexcept ZeroDivisionError:\n    raise KeyError('b') from None"
        )
        assert "ZeroDivisionError" not in result.text, result.text
        for code in ("raise BaseException('x')", "raise SystemExit('bye')", "def r(): r()\nr()"):
            result = await session.run(code)
            expect(result, Outcome.NONZERO)
            assert "asynccode" not in result.text, result.text
        bad = "class E(Exception):\n    def __str__(self): raise TypeError\nraise E"
        expect(await session.run(bad), Outcome.NONZERO)
        await stays(session)


@checks()
async def python_streams(backend: Backend) -> None:
    """Python: output and errors come in order, or apart; standard input is empty."""
    async with python(backend) as session:
        code = (
            "import os, sys\nfor i in 1, 2:\n"
            "    print('o', i)\n    print('e', i, file=sys.stderr)\n"
            "    _ = os.system(f'echo p {i}; echo q {i} >&2')"
        )
        output = "".join(f"o {i}\ne {i}\np {i}\nq {i}\n" for i in (1, 2))
        expect(await session.run(code), Outcome.OK, output)
        result = await session.run(code, split=True)
        assert result.stdout == b"o 1\np 1\no 2\np 2\n", f"stdout {result.stdout!r}"
        assert result.stderr == b"e 1\nq 1\ne 2\nq 2\n", f"stderr {result.stderr!r}"
        assert sorted(result.output) == sorted(output.encode()), f"output {result.output!r}"
        expect(await session.run("print('no newline', end='')"), Outcome.OK, "no newline")
        expect(await session.run("print('\\udcff\\0')"), Outcome.OK)
        expect(await session.run("sys.stdin.read()"), Outcome.OK, "''\n")
        result = await session.run("input()")
        assert result.text.endswith("EOFError: EOF when reading a line\n"), result.text


@checks()
async def python_taken_streams(backend: Backend) -> None:
    """Python: what a step does to the standard streams ends with it."""
    async with python(backend) as session:
        await session.run("kept = 'kept'; import io, os, sys")
        for code in (
            "sys.stdout = io.StringIO(); print('unseen')",
            "sys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
            "os.close(0); os.close(1); os.close(2)",
            "null = os.open('/dev/null', os.O_WRONLY); os.dup2(null, 1); os.dup2(null, 2)",
            "del sys.stdout, sys.stderr, sys.stdin",
            "sys.stdout = sys.stderr = sys.__stdout__ = None",
        ):
            result = await session.run(code)
            assert result.outcome in (Outcome.OK, Outcome.NONZERO), f"{code}: {result.outcome}"
            assert not result.restarted, f"restarted by {code!r}"
            await stays(session)
            result = await session.run("1 / 0")
            assert result.text.endswith("division by zero\n"), f"{code}: {result.text!r}"


@checks()
async def python_fresh(backend: Backend) -> None:
    """Python: without `keep`, every step has a fresh interpreter, and files alone live on."""
    async with python(backend, keep=False) as session:
        for number in range(3):
            code = f"assert 'x' not in globals()\nx = {number}\nopen('f', 'a').write('{number}')"
            expect(await session.run(code), Outcome.OK, "1\n")
        result = await session.run("print(open('f').read())")
        expect(result, Outcome.OK, "012\n")
        assert not result.restarted, "a fresh interpreter is no restart here"
