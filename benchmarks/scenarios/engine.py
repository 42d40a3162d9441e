"""Rollouts of a null environment with a null policy: what the engine itself costs."""

from __future__ import annotations

from asynccode.interfaces import Environment, Policy, Suite, World, Worlds
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Action, StepResult, Submit, Task, Turn
from asynccode.rollout import rollout
from asynccode.testing.fakes import FakeBackend
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

TARGET = 20_000.0


class Null(Environment):
    """A world is opened and closed; a step does nothing."""

    def __init__(self, task: Task, worlds: Worlds, limits: Limits) -> None:
        self._task, self._worlds, self._limits = task, worlds, limits
        self._world: World | None = None

    async def reset(self) -> str:
        """Open a world."""
        self._world = await self._worlds.open(self._task.image, self._limits)
        return ""

    async def step(self, action: Action) -> StepResult:
        """Do nothing."""
        if isinstance(action, Submit):
            return StepResult("", 1.0, True, False, {"valid": True})
        info = {"outcome": Outcome.OK, "exit_code": 0, "valid": True, "truncated": False}
        return StepResult("", None, False, False, info)

    async def aclose(self) -> None:
        """Close the world."""
        world, self._world = self._world, None
        if world is not None:
            await world.aclose()


class NullSuite(Suite):
    """One task, in which nothing is to be done."""

    name, backend, digest = "null", "fake", ""
    tasks = (Task(id="null", query="", gold=()),)
    limits = Limits()

    def environment(self, task: Task, worlds: Worlds) -> Environment:
        """Give an environment that does nothing."""
        return Null(task, worlds, self.limits)


class Waiting(Policy):
    """Does nothing until the last turn, and then submits."""

    async def act(self, turn: Turn) -> Action:
        """Give what was made before."""
        return Submit() if len(turn.steps) == turn.max_turns - 1 else ":"


async def measure(*, episodes: int = 2000, steps: int = 20, concurrency: int = 256) -> Result:
    """Play episodes in memory, each of so many steps."""
    async with (
        FakeBackend() as backend,
        rollout(
            NullSuite(),
            Waiting(),
            backend=backend,
            attempts=episodes,
            concurrency=concurrency,
            max_turns=steps,
        ) as run,
    ):
        async for episode in run:
            if not episode.solved or len(episode.steps) != steps:
                raise RuntimeError(f"an episode ended with {episode.stop_reason}: {episode.error}")
        summary = run.statistics.summary()
    return Result(
        scenario="engine",
        settings={"episodes": episodes, "steps": steps, "concurrency": concurrency},
        measures=[
            Measure(
                name="steps",
                value=summary["steps_per_second"],
                unit="per second",
                target=TARGET,
                better="higher",
            ),
            Measure(
                name="episodes",
                value=summary["episodes_per_second"],
                unit="per second",
                better="higher",
            ),
        ],
        raw=summary,
    )


if __name__ == "__main__":
    main(measure)
