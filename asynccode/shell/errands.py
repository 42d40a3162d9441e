"""Programs of a sandbox that has no shell of ours: a runner starts them, from outside it.

The runner (`asynccode.backends.runner`) stands in for a shell at the other end of a slot's wire:
its steps are programs, told as lines of JSON, and it says when it is there and how each ended in
the words that a shell uses.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import NoReturn

from asynccode.errors import InputError
from asynccode.interfaces import Session
from asynccode.outcomes import ExecResult, Outcome
from asynccode.shell import framing, script
from asynccode.shell.session import check_program
from asynccode.shell.slot import Slot
from asynccode.shell.wire import DescriptorWire


class ErrandWire(DescriptorWire):
    """A control socket and two pipes to a runner."""

    take_note: str | None = None

    _token = ""

    def start(self, token: str) -> bool:
        """Ask whether it is there."""
        self._token = token
        return self._write(script.START)

    def send(self, code: str, following: str, *, split: bool, status: int) -> bool:
        """Send a step: the JSON of its program."""
        self._streams.begin(split=split)
        told = json.dumps({"token": self._token, "split": split})
        self._token = following
        return self._write(f"{told[:-1]}, {code[1:]}\n".encode())


def refuse_session() -> NoReturn:
    """Raise `InputError`: programs of such a sandbox have no shell in common."""
    raise InputError(
        "This sandbox has no session, since its process 1 is its image's `shell`: run "
        "programs, or open one of an image without."
    )


class Errands:
    """The programs of one sandbox, as `Shells` has them beside a session."""

    def __init__(self, slot: Slot, workdir: str, env: Mapping[str, str]) -> None:
        """Take the runner's slot, where programs start, and all the variables they have."""
        self._slot, self._workdir, self._env = slot, workdir, env

    async def start(self) -> None:
        """Wait for the runner."""
        await self._slot.start()

    def session(self) -> Session:
        """Raise `InputError`."""
        refuse_session()

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
        check_program(argv, env)
        where = posixpath.join(self._workdir, cwd or "")
        variables = {**self._env, **(env or {})}
        if not all(map(framing.can_say, (*argv, where, *variables.values()))):
            return ExecResult(outcome=Outcome.REFUSED, exit_code=None, output=b"")
        order = json.dumps({"argv": list(argv), "cwd": where, "env": variables})
        return await self._slot.run(order, seconds=seconds, split=split)

    def close(self) -> None:
        """Close the slot."""
        self._slot.close()
