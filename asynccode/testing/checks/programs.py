"""Programs run beside the session."""

from __future__ import annotations

import secrets

import anyio

from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Outcome
from asynccode.testing.checks.base import TIGHT, checks, expect, running


@checks()
async def arguments_arrive(backend: Backend) -> None:
    """A program gets its arguments as they are, whatever is in them."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        arguments = ["a b", "", "*", "$HOME", "'\"\\", "é", "new\nline"]
        result = await sandbox.exec(["printf", "[%s]", *arguments])
        expect(result, Outcome.OK, "".join(f"[{text}]" for text in arguments))


@checks()
async def directory_and_variables(backend: Backend) -> None:
    """A program runs in `workdir` or in `cwd`, with the image's variables and its own."""
    async with await backend.open(Image(env={"IMAGE": "one"}), TIGHT) as sandbox:
        here = (await sandbox.exec(["pwd"])).text
        code = "pwd; echo $IMAGE $OWN"
        result = await sandbox.exec(["bash", "-c", code], env={"OWN": "two words"})
        expect(result, Outcome.OK, f"{here}one two words\n")
        expect(await sandbox.exec(["pwd"], cwd="/usr"), Outcome.OK, "/usr\n")


@checks()
async def what_cannot_be_run(backend: Backend) -> None:
    """A missing program ends with 127, one that cannot be run or a missing folder with 126."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        assert (await sandbox.exec(["no-such-program"])).exit_code == 127
        assert (await sandbox.exec(["/usr"])).exit_code == 126
        assert (await sandbox.exec(["true"], cwd="/no/such/folder")).exit_code == 126


@checks()
async def programs_are_stateless(backend: Backend) -> None:
    """Nothing but files passes from one program to the next, or to the session."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        await sandbox.exec(["bash", "-c", 'x=1; cd /; echo kept > "$OLDPWD/file"'])
        expect(
            await sandbox.exec(["bash", "-c", 'echo "[$x]"; cat file']), Outcome.OK, "[]\nkept\n"
        )
        session = await sandbox.session()
        expect(await session.run('echo "[$x]"; cat file'), Outcome.OK, "[]\nkept\n")


@checks()
async def beside_a_running_step(backend: Backend) -> None:
    """A program runs while the session is busy."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()

        async def wait_for_it() -> None:
            step = "until [ -e beside ]; do sleep 0.05; done; echo seen"
            expect(await session.run(step, seconds=20), Outcome.OK, "seen\n")

        async with anyio.create_task_group() as group:
            group.start_soon(wait_for_it)
            await anyio.sleep(0.1)
            expect(await sandbox.exec(["touch", "beside"]), Outcome.OK, "")


@checks()
async def a_program_s_time_out(backend: Backend) -> None:
    """A program that takes too long is stopped with all it started; the next one runs."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        sleep = f"sleep 61.{secrets.randbelow(10**9)}"
        code = f"echo start; {sleep} & {sleep}"
        result = await sandbox.exec(["bash", "-c", code], seconds=0.3)
        expect(result, Outcome.TIMEOUT)
        assert result.text.startswith("start\n"), f"output {result.text!r}"
        expect(await sandbox.exec(["bash", "-c", running(sleep)]), Outcome.NONZERO, "0\n")
