"""The suite `ctf`: challenges of our own, with a flag that differs in each attempt."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, evolve

from asynccode.errors import InputError
from asynccode.images import Image
from asynccode.interfaces import Suite, Worlds
from asynccode.outcomes import Limits
from asynccode.records import Remark, Task
from asynccode.tasks.ctf.audit import leaks
from asynccode.tasks.ctf.challenge import Challenge, Scene, program
from asynccode.tasks.ctf.challenges import CHALLENGES
from asynccode.tasks.ctf.environment import CtfEnvironment, Rules
from asynccode.tasks.ctf.flags import make_flag

GUESSES = 5
"""Wrong guesses that end an episode, unless told otherwise."""
HAND_IN = "The flag looks like flag{...}; hand it in with: submit FLAG"
PROVENANCE = "Written for asynccode, query, files, service and gold alike; MIT licence."


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    seed: int = 0,
    guesses: int = GUESSES,
) -> CtfSuite:
    """Load the suite `ctf`; its sandboxes start from `base` (default: this machine's `/usr`).

    Raises `InputError` if `compat` or `data` is asked for: there is neither.
    """
    if compat is not None:
        raise InputError(
            f"The suite {name!r} has no mode {compat!r}: leave out --compat, or name intercode/ctf."
        )
    if data is not None:
        raise InputError(f"The suite {name!r} reads no data: leave out --data.")
    return CtfSuite(CHALLENGES, name=name, base=base or "host", seed=seed, guesses=guesses)


class CtfSuite(Suite):
    """Challenges to find a flag in.

    Flags are made from the run's seed, which the manifest of a run records, the challenge's
    name and the number of the attempt: a flag from another episode is worth nothing.
    """

    def __init__(
        self,
        challenges: Sequence[Challenge],
        *,
        name: str = "ctf",
        base: str = "host",
        seed: int = 0,
        guesses: int | None = GUESSES,
        limits: Limits | None = None,
    ) -> None:
        self.name, self.seed, self.guesses = name, seed, guesses
        self.limits = limits or Limits()
        self.challenges = {challenge.name: challenge for challenge in challenges}
        image = Image(base=base)
        self.tasks = tuple(_task(challenge, image) for challenge in challenges)
        self._digest: str | None = None

    def variant(self, task: Task, attempt: int) -> Task:
        """Give the task with the attempt's number, which decides its flag."""
        return evolve(task, metadata={**task.metadata, "attempt": attempt})

    def flag(self, task: Task) -> str:
        """Give the flag of a variant of a task (of attempt 0 for the task itself)."""
        return make_flag(self.seed, task.id, task.metadata.get("attempt", 0))

    def scene(self, task: Task) -> Scene:
        """Give what is put into the sandbox of a variant of a task."""
        return self._scene(task, self.seed)

    def _scene(self, task: Task, seed: int) -> Scene:
        flag = make_flag(seed, task.id, task.metadata.get("attempt", 0))
        return self.challenges[task.id].build(flag, random.Random(flag))  # noqa: S311 (no secret)

    def environment(self, task: Task, worlds: Worlds) -> CtfEnvironment:
        """Give a fresh environment for a variant of a task."""
        flag = self.flag(task)
        rules = Rules(is_right=lambda guess: guess == flag, guesses=self.guesses)
        return CtfEnvironment(task, worlds, limits=self.limits, scene=self.scene(task), rules=rules)

    async def remarks(self, task: Task, worlds: Worlds) -> tuple[Remark, ...]:
        """Say where a task's flag can be read at the start without solving anything."""
        async with self.environment(task, worlds) as environment:
            query = await environment.reset()
            return await leaks(environment.sandbox, self.flag(task), query)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the tasks, of the scenes they make around a flag, and of the rules.

        The seed is no part of it.
        """
        if self._digest is None:
            rows = [
                [task.id, task.query, task.gold, task.image.digest, asdict(self._scene(task, 0))]
                for task in self.tasks
            ]
            text = json.dumps(
                [rows, program("harness"), self.guesses], sort_keys=True, default=bytes.hex
            )
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest


def _task(challenge: Challenge, image: Image) -> Task:
    return Task(
        id=challenge.name,
        query=f"{challenge.query} {HAND_IN}",
        gold=challenge.gold,
        image=image,
        compare="exact",
        metadata={
            "category": challenge.category,
            "difficulty": challenge.difficulty,
            "provenance": PROVENANCE,
            "flag": "seeded",
        },
    )
