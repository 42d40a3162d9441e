"""Programs that are spoken to while they run."""

from __future__ import annotations

import secrets

import anyio

from asynccode.errors import InputError, SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Backend, Program, Sandbox
from asynccode.outcomes import MiB, Outcome, Window
from asynccode.testing.checks.base import TIGHT, checks, expect, running

SOON = 5.0
"""Seconds in which what ought to be over is over."""


async def everything(program: Program, *, errors: bool = False) -> bytes:
    """Give all that a program writes to one stream."""
    chunks = []
    while chunk := await program.receive(errors=errors):
        chunks.append(chunk)
    return b"".join(chunks)


async def count_of(sandbox: Sandbox, command: str, *, wanted: int = 0) -> str:
    """Give how many processes of that command there are, once it is as many as wanted."""
    count = ""
    with anyio.move_on_after(SOON):
        while count != str(wanted):
            count = (await sandbox.exec(["bash", "-c", running(command)])).text.strip()
    return count


@checks()
async def spoken_to(backend: Backend) -> None:
    """A program is sent input and its answer received while it runs, as often as one likes."""
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await sandbox.start(["cat"]) as program,
    ):
        for number in range(50):
            await program.send(b"%d\n" % number)
            assert await program.receive() == b"%d\n" % number
        await program.send(b"abcdef")
        assert await program.receive(max_bytes=2) == b"ab"
        assert await program.receive() == b"cdef"


@checks()
async def end_and_status(backend: Backend) -> None:
    """The end of input is told, the end of output is seen, and the exit status is the program's."""
    code = "wc -c; echo wrong >&2; exit 7"
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await sandbox.start(["bash", "-c", code]) as program,
    ):
        await program.send(b"12345")
        await program.send_eof()
        assert (await everything(program)).strip() == b"5"
        assert await everything(program, errors=True) == b"wrong\n"
        assert await program.wait() == 7
        assert await program.receive() == b""
        async with await sandbox.start(["bash", "-c", "kill -9 $$"]) as killed:
            assert await killed.wait() == 137


@checks()
async def what_cannot_be_started(backend: Backend) -> None:
    """A missing program ends with 127, one that cannot be run or a missing folder with 126."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        for argv, cwd, status in (
            (["no-such-program"], None, 127),
            (["/usr"], None, 126),
            (["true"], "/no/such/folder", 126),
        ):
            async with await sandbox.start(argv, cwd=cwd) as program:
                said = await everything(program, errors=True)
                assert await program.wait() == status, f"{argv} ended otherwise than with {status}"
                assert said, f"nothing says why {argv} cannot be run"


@checks()
async def surroundings(backend: Backend) -> None:
    """A program gets its words as they are, the image's variables and its own, and its folder."""
    words = ["a b", "", "*", "$HOME", "'\"\\", "é", "new\nline"]
    code = 'pwd; echo "$IMAGE $OWN"; printf "[%s]" "$@"'
    async with await backend.open(Image(env={"IMAGE": "one"}), TIGHT) as sandbox:
        here = (await sandbox.exec(["pwd"])).output
        argv = ["bash", "-c", code, "bash", *words]
        async with await sandbox.start(argv, env={"OWN": "two words"}) as program:
            expected = here + b"one two words\n" + "".join(f"[{word}]" for word in words).encode()
            assert await everything(program) == expected
        async with await sandbox.start(["pwd"], cwd="/usr") as program:
            assert await everything(program) == b"/usr\n"


@checks()
async def variables_a_shell_has_in_mind(backend: Backend) -> None:
    """A program gets variables that a shell would take away, change or act upon."""
    own = {"PS1": "ready> ", "PS2": "", "OLDPWD": "/x", "BASH_ENV": "/no/such", "UID": "77"}
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await sandbox.start(["printenv", *own], env=own) as program,
    ):
        assert (await everything(program)).decode().splitlines() == list(own.values())
        assert await everything(program, errors=True) == b""


@checks()
async def several_at_once(backend: Backend) -> None:
    """Several programs run beside each other, a step of the session and `exec`."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()

        async def talk(number: int) -> None:
            async with await sandbox.start(["cat"]) as program:
                for turn in range(20):
                    text = b"%d %d\n" % (number, turn)
                    await program.send(text)
                    assert await program.receive() == text

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(talk, number)
            expect(await session.run("sleep 0.2; echo step"), Outcome.OK, "step\n")
            expect(await sandbox.exec(["echo", "beside"]), Outcome.OK, "beside\n")


@checks()
async def back_pressure(backend: Backend) -> None:
    """Megabytes pass both ways at once; who writes faster than one reads waits."""
    data = secrets.token_bytes(4 * MiB)
    got = bytearray()
    async with await backend.open(Image(), TIGHT) as sandbox:
        async with await sandbox.start(["cat"]) as program:

            async def feed() -> None:
                await program.send(data)
                await program.send_eof()

            async with anyio.create_task_group() as group:
                group.start_soon(feed)
                while chunk := await program.receive():
                    got += chunk
            assert bytes(got) == data, f"{len(got)} bytes came back, not {len(data)} equal ones"
        count = 'head -c 67108864 /dev/zero | (cat; echo) & sleep 0.5; echo "$(jobs -r)" >&2; wait'
        async with await sandbox.start(["bash", "-c", count]) as program:
            assert b"head" in await program.receive(errors=True), "64 MiB went unread somewhere"


@checks()
async def who_does_not_read(backend: Backend) -> None:
    """Sending waits while the program does not read, and fails once it never will."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        async with await sandbox.start(["sleep", "60"]) as program:
            with anyio.move_on_after(0.3) as clock:
                await program.send(bytes(64 * MiB))
            assert clock.cancelled_caught, "64 MiB went unread somewhere"
        async with await sandbox.start(["true"]) as program:
            await program.wait()
            try:
                with anyio.fail_after(SOON):
                    while True:
                        await program.send(b"more")
                        await anyio.sleep(0.01)
            except anyio.BrokenResourceError:
                pass


@checks()
async def closing_ends_it(backend: Backend) -> None:
    """Closing a program ends it with all that it has started; the others go on."""
    sleep = f"sleep 61.{secrets.randbelow(10**9)}"
    code = f"trap '' TERM HUP; {sleep} & ({sleep} & ) ; echo up; {sleep}; {sleep}"
    async with await backend.open(Image(), TIGHT) as sandbox, await sandbox.start(["cat"]) as other:
        for _ in range(2):
            program = await sandbox.start(["bash", "-c", code])
            assert await program.receive() == b"up\n"
            assert await count_of(sandbox, sleep, wanted=3) == "3", "it has not started"
            await program.aclose()
            await program.aclose()
            assert await program.wait() > 128
        assert await count_of(sandbox, sleep) == "0", "something of a closed program runs on"
        ended = await sandbox.start(["bash", "-c", f"{sleep} </dev/null >/dev/null 2>&1 &"])
        assert await ended.wait() == 0
        await ended.aclose()
        assert await count_of(sandbox, sleep) == "0", "something of an ended program runs on"
        await other.send(b"still here")
        assert await other.receive() == b"still here"


@checks()
async def cancelled_and_closed(backend: Backend) -> None:
    """Cancelling a wait loses nothing; what waits on a closed program or sandbox is told."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        async with await sandbox.start(["cat"]) as program:
            got = b""
            for number in range(5):
                with anyio.move_on_after(0.01):
                    got += await program.receive()
                with anyio.move_on_after(0.01):
                    await program.wait()
                await program.send(b"%d" % number)
            while len(got) < 5:
                got += await program.receive()
            assert got == b"01234", f"received {got!r}"
        try:
            await program.receive()
            raise AssertionError("a closed program can be received from")
        except anyio.ClosedResourceError:
            pass
        program = await sandbox.start(["sleep", "60"])
        told = []

        async def wait() -> None:
            try:
                await program.wait()
            except SandboxLost as error:
                told.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.05)
            with anyio.fail_after(SOON):
                await sandbox.aclose()
        assert told, "the sandbox is closed, and whoever waited for its program was not told"
        await program.aclose()


@checks()
async def a_bad_request(backend: Backend) -> None:
    """What cannot be a command is refused in words; a closed sandbox starts nothing."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        for argv, env in (
            ([], {}),
            (["true"], {"not a name": "x"}),
            (["a\0b"], {}),
            (["\ud800"], {}),
        ):
            try:
                await sandbox.start(argv, env=env)
                raise AssertionError(f"{argv!r} with {env} was started")
            except InputError:
                pass
        async with await sandbox.start(["true"]) as program:
            try:
                await program.resize(Window())
                raise AssertionError("a program without a terminal was resized")
            except InputError:
                pass
    try:
        await sandbox.start(["true"])
        raise AssertionError("a closed sandbox started a program")
    except SandboxLost:
        pass


@checks("processes")
async def a_siblings_reach(backend: Backend) -> None:
    """Nobody else in the sandbox can open what a program is told and heard on."""
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await sandbox.start(["bash", "-c", "echo $$; read answer; echo $answer"]) as program,
    ):
        pid = (await program.receive()).decode().strip()
        forge = f"for n in 0 1 2; do echo forged > /proc/{pid}/fd/$n; done; true"
        await sandbox.exec(["bash", "-c", forge])
        await program.send(b"honest\n")
        assert await everything(program) == b"honest\n"


@checks("memory")
async def memory_of_programs(backend: Backend) -> None:
    """A program has the sandbox's memory and no more, and the sandbox outlives it."""
    async with (
        await backend.open(Image(), TIGHT) as sandbox,
        await sandbox.start(["bash", "-c", "x=$(head -c 400000000 /dev/zero | tr '\\0' x)"]) as hog,
    ):
        with anyio.fail_after(30):
            assert await hog.wait() != 0
        expect(await sandbox.exec(["echo", "well"]), Outcome.OK, "well\n")


@checks("process_count")
async def processes_of_programs(backend: Backend) -> None:
    """A fork bomb in a program meets the sandbox's limit, and ends when the program is closed."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        code = "for i in {1..200}; do sleep 61 & done; echo done; wait"
        async with await sandbox.start(["bash", "-c", code]) as bomb:
            with anyio.fail_after(30):
                while b"fork" not in await bomb.receive(errors=True):
                    pass
        expect(await sandbox.exec(["bash", "-c", "true | true; echo well"]), Outcome.OK, "well\n")
