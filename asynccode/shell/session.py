"""A sandbox made of two shells: one for the session, one beside it for programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import anyio

from asynccode.errors import InputError
from asynccode.interfaces import Session
from asynccode.outcomes import ExecResult
from asynccode.shell.slot import Slot


def check_program(argv: Sequence[str], env: Mapping[str, str] | None) -> None:
    """Raise `InputError` if `argv` is empty or a variable's name is no name."""
    if not argv or not argv[0]:
        raise InputError("exec needs at least the name of a program.")
    for name in env or {}:
        if not name.isidentifier():
            raise InputError(f"{name!r} cannot be the name of an environment variable.")


def program(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str] | None,
    bare: Mapping[str, str] | None = None,
) -> str:
    """Give the step that runs one program in a process of its own.

    Its variables are the shell's and `env`, or those of `bare` and `env` alone.
    Raises `InputError` if `argv` is empty or a variable's name is no name.
    """
    check_program(argv, env)
    if bare is not None:
        variables = [f"{name}={value}" for name, value in {**bare, **(env or {})}.items()]
        argv, env = ["/usr/bin/env", "-i", *variables, *argv], None
    exports = "".join(
        f"export {name}={shlex.quote(value)}; " for name, value in (env or {}).items()
    )
    return f"(cd -- {shlex.quote(cwd)} || exit 126; {exports}exec -- {shlex.join(argv)})"


class ShellSession(Session):
    """The persistent Bash session of a sandbox."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run one step in the shell."""
        return await self._slot.run(code, seconds=seconds, split=split)

    async def aclose(self) -> None:
        """Nothing to do: the shell belongs to the sandbox and ends with it."""


class Shells:
    """The two slots of a sandbox, and who uses which.

    The first shell is started with the sandbox. It becomes the session's; until a session is
    opened it runs programs, so a sandbox that is only used for those holds a single shell.
    """

    def __init__(
        self, first: Slot, second: Slot, workdir: str, *, bare: Mapping[str, str] | None = None
    ) -> None:
        """Take two slots, and where they start; `bare`: all the variables of programs."""
        self._first, self._second, self._workdir = first, second, workdir
        self._bare = bare
        self._session: ShellSession | None = None
        self._second_started = False
        self._starting = anyio.Lock()

    async def start(self) -> None:
        """Start the first shell."""
        await self._first.start()

    def session(self) -> Session:
        """Open the session; raises `InputError` if one is open."""
        if self._session is not None:
            raise InputError("This sandbox has a session already; open another sandbox.")
        self._session = ShellSession(self._first)
        return self._session

    async def exec(
        self,
        argv: Sequence[str],
        cwd: str | None,
        env: Mapping[str, str] | None,
        seconds: float | None,
        *,
        split: bool,
    ) -> ExecResult:
        """Run a program; see `Sandbox.exec`."""
        code = program(argv, cwd=cwd or self._workdir, env=env, bare=self._bare)
        slot = self._first if self._session is None else await self._beside()
        return await slot.run(code, seconds=seconds, split=split)

    async def _beside(self) -> Slot:
        """Give the shell for programs, started if need be.

        If a step has killed its keeper too, the session's shell must do: a program is run in
        a child of the shell, whichever it is.
        """
        async with self._starting:
            if not self._second_started and not self._second.is_lost:
                await self._second.start()
                self._second_started = True
        return self._second if self._second.is_alive else self._first

    def close(self) -> None:
        """Close both."""
        self._first.close()
        self._second.close()
