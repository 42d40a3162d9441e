"""Environments of challenges, as tests make them."""

from __future__ import annotations

from asynccode.episode import play
from asynccode.interfaces import Worlds
from asynccode.outcomes import Limits
from asynccode.policies import Scripted
from asynccode.records import Action, Episode, StepResult, Task
from asynccode.tasks.ctf.challenge import Scene
from asynccode.tasks.ctf.environment import CtfEnvironment, Rules
from asynccode.tasks.ctf.suite import CtfSuite

FLAG = "flag{right}"


def environment(
    worlds: Worlds,
    scene: Scene | None = None,
    *,
    guesses: int | None = 3,
    limits: Limits | None = None,
) -> CtfEnvironment:
    return CtfEnvironment(
        Task(id="t", query="Find it."),
        worlds,
        limits=limits or Limits(),
        scene=scene or Scene(),
        rules=Rules(is_right=FLAG.__eq__, guesses=guesses),
    )


async def act(made: CtfEnvironment, *actions: Action) -> StepResult:
    for action in actions:
        result = await made.step(action)
    return result


async def episode(suite: CtfSuite, worlds: Worlds, *actions: Action, attempt: int = 0) -> Episode:
    policy = Scripted(*actions)
    (task, *_) = suite.tasks
    return await play(
        task, suite=suite, backend="fake", policy=policy, worlds=worlds, attempt=attempt
    )
