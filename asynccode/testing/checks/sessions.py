"""Persistent sessions: state, streams, framing, ends."""

from __future__ import annotations

from asynccode.errors import InputError
from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Outcome
from asynccode.testing.checks.base import TIGHT, checks, expect


@checks()
async def state_survives(backend: Backend) -> None:
    """Variables, functions, options and the directory survive from step to step."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run(
            "x='a b'; f() { echo \"<$1>\"; }; shopt -s nullglob; mkdir d; cd d; false"
        )
        expect(
            await session.run('echo $?; f "$x"; echo *.none; basename "$PWD"'),
            Outcome.OK,
            "1\n<a b>\n\nd\n",
        )


@checks()
async def streams_are_in_order(backend: Backend) -> None:
    """Standard output and standard error come in the order in which they were written."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        code = "for i in 1 2 3; do echo o$i; echo e$i >&2; done"
        expect(await session.run(code), Outcome.OK, "o1\ne1\no2\ne2\no3\ne3\n")
        result = await session.run(code, split=True)
        assert result.stdout == b"o1\no2\no3\n", f"stdout {result.stdout!r}"
        assert result.stderr == b"e1\ne2\ne3\n", f"stderr {result.stderr!r}"


@checks()
async def errors_are_bash_s_own(backend: Backend) -> None:
    """Error messages count a step's own lines and name nothing of ours."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        for _ in range(2):
            result = await session.run("true\nno-such-command")
            expect(result, Outcome.NONZERO, "bash: line 2: no-such-command: command not found\n")
            assert result.exit_code == 127, f"exit code {result.exit_code}"
        result = await session.run('echo "unbalanced')
        expect(result, Outcome.NONZERO)
        expect(await session.run("echo on"), Outcome.OK, "on\n")


@checks()
async def code_is_in_no_variable(backend: Backend) -> None:
    """A step finds its own code in no variable, and programs no SHELL that nobody gave them."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        for before in ("", f": {'x' * 100};"):
            result = await session.run(f"{before}set | grep -c needle")
            expect(result, Outcome.NONZERO, "0\n")
        expect(await session.run("env | grep -c ^SHELL="), Outcome.NONZERO, "0\n")
    async with await backend.open(Image(env={"SHELL": "/bin/none"}), TIGHT) as sandbox:
        session = await sandbox.session()
        expect(await session.run("env | grep ^SHELL="), Outcome.OK, "SHELL=/bin/none\n")


@checks()
async def any_ifs(backend: Backend) -> None:
    """Whatever IFS a step leaves, the next one is told how it ended, and finds it."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        for ifs in (
            "0",
            "1,",
            "0123456789",
            "abcdefghijklmnopqrstuvwxyz-_ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ):
            expect(await session.run(f"IFS={ifs}; true"), Outcome.OK)
            result = await session.run("(exit 10)")
            assert (result.exit_code, result.restarted) == (10, False), f"after IFS={ifs}: {result}"
            result = await session.run('echo "$?$IFS"', split=True)
            assert result.stdout == f"10{ifs}\n".encode(), f"after IFS={ifs}: {result}"


@checks()
async def any_text_is_code(backend: Backend) -> None:
    """Code may hold any character; a NUL or a lone half is refused and harms nothing."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        expect(
            await session.run("echo 'é → \\n'; cat <<'E'\n$x \"q\" `b`\nE"),
            Outcome.OK,
            'é → \\n\n$x "q" `b`\n',
        )
        expect(await session.run("export LC_ALL=C.UTF-8; echo ü | cat"), Outcome.OK, "ü\n")
        expect(await session.run("echo ü'ö' | cat"), Outcome.OK, "üö\n")
        for code in ("echo a\0b", "echo \ud800"):
            expect(await session.run(code), Outcome.REFUSED)
        long = "x" * 300_000
        expect(await session.run(f"v={long}; echo ${{#v}}"), Outcome.OK, "300000\n")


@checks()
async def standard_input_is_empty(backend: Backend) -> None:
    """A command that reads standard input gets its end at once."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        expect(await session.run('cat; read line; echo "[$line]"'), Outcome.OK, "[]\n")


@checks()
async def a_step_that_ends_the_shell(backend: Backend) -> None:
    """A step may end the shell in any way: the next step has a new one, and the result says so."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        for code, status in (
            ("exit 3", 3),
            ("exec false", 1),
            ("kill -9 $$", 137),
            ("exec 0<&-", 0),
        ):
            result = await session.run(f"x=1; echo before; {code}")
            assert result.text.startswith("before\n"), f"output {result.text!r} of {code!r}"
            assert result.exit_code == status, f"exit code {result.exit_code} of {code!r}"
            assert result.restarted is (code != "exec 0<&-"), f"restarted after {code!r}"
        await session.run("x=1; exit")
        expect(await session.run('echo "[$x]"'), Outcome.OK, "[]\n")


@checks()
async def closed_streams(backend: Backend) -> None:
    """A step that closes its descriptors takes nothing from the next one."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("x=1; exec 1>&- 2>&-; echo lost")
        expect(await session.run("echo $x"), Outcome.OK, "1\n")
        await session.run('for fd in {0..255}; do eval "exec $fd>&-" 2>/dev/null; done')
        expect(await session.run("echo on"), Outcome.OK, "on\n")


@checks()
async def a_background_process_holds_the_pipe(backend: Backend) -> None:
    """A background process that keeps the output open does not hold the step up."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        result = await session.run("sleep 60 & echo started")
        expect(result, Outcome.OK, "started\n")
        assert result.seconds < 1.5, f"the step took {result.seconds:.1f} s"


@checks()
async def framing_cannot_be_guessed(backend: Backend) -> None:
    """What a step writes, in whatever form, is only its output."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        lines = "ready 1\nexit 0\n0123456789abcdef 0\n"
        code = f"printf '{lines}'; for fd in 3 4 5 6 7 8 9 196; do printf 'exit 0\\n' >&$fd; done"
        result = await session.run(f"( {code} ) 2>/dev/null; echo end")
        expect(result, Outcome.OK)
        assert result.text.startswith(lines), f"output {result.text!r}"
        assert result.text.endswith("end\n"), f"output {result.text!r}"
        assert not result.restarted, "the shell was restarted"
        expect(await session.run("ls /proc/self/fd | wc -l"), Outcome.OK, "4\n")


@checks()
async def binary_output_is_kept(backend: Backend) -> None:
    """Output is bytes: NUL and what is not UTF-8 come through."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        result = await session.run("printf 'a\\0b\\377\\n'")
        assert result.output == b"a\0b\xff\n", f"output {result.output!r}"


@checks()
async def one_session_a_sandbox(backend: Backend) -> None:
    """A second session in the same sandbox is refused."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        await sandbox.session()
        try:
            await sandbox.session()
        except InputError:
            return
        raise AssertionError("a second session was opened")
