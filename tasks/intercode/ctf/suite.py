"""InterCode's capture the flag with our semantics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from asynccode.interfaces import Suite, Worlds
from asynccode.outcomes import Limits, MiB
from asynccode.records import Remark, Task
from asynccode.tasks.ctf.challenge import Scene
from asynccode.tasks.ctf.environment import CtfEnvironment, Rules
from asynccode.tasks.ctf.suite import GUESSES
from asynccode.tasks.intercode.ctf.audit import remarks
from asynccode.tasks.intercode.ctf.loader import Assets, setup_of

LIMITS = Limits(memory_bytes=1024 * MiB, disk_bytes=512 * MiB)
"""Wide enough for disk images of a hundred megabytes, which lie in memory."""


def is_flag(guess: str, flag: str) -> bool:
    """Compare as the original does, upper and lower case alike (ctf_env.py:17-21).

    Some golds are in upper case where the query asks for lower.
    """
    return guess.lower() == flag.lower()


class InterCodeCtfSuite(Suite):
    """The tasks in a persistent shell, with limited guesses."""

    def __init__(
        self,
        tasks: Sequence[Task],
        assets: Assets,
        *,
        name: str = "intercode/ctf",
        guesses: int | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.name, self.limits = name, limits
        self.guesses = GUESSES if guesses is None else guesses
        self.tasks, self.assets = tuple(tasks), assets

    def environment(self, task: Task, worlds: Worlds) -> CtfEnvironment:
        """Give a fresh environment for `task`. Raises `TaskDataError` if its files are missing."""
        files = self.assets.files(task)
        scene = Scene(files=files, modes=self.assets.modes(task), setup=setup_of(task, files))
        flag = task.metadata["flag"]
        rules = Rules(is_right=lambda guess: is_flag(guess, flag), guesses=self.guesses)
        return CtfEnvironment(task, worlds, limits=self.limits, scene=scene, rules=rules)

    async def remarks(self, task: Task, worlds: Worlds) -> tuple[Remark, ...]:
        """Say what the data tells of a task."""
        return tuple(remarks(task, self.assets))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the tasks, their files and the rules."""
        return digest(self.tasks, self.assets, f"ours {self.guesses}")


def digest(tasks: Sequence[Task], assets: Assets, mode: str) -> str:
    """Hex SHA-256 of tasks and of all files that they have, read one by one."""
    rows = [[t.id, t.query, t.gold, t.image.digest, t.metadata["setup"]] for t in tasks]
    state = hashlib.sha256(json.dumps([mode, rows]).encode())
    for task in tasks:
        for name in assets.names(task):
            state.update(f"\0{task.id}\0{name}\0".encode("utf-8", "surrogateescape"))
            state.update(hashlib.sha256(assets.read(task, name)).digest())
    return state.hexdigest()
