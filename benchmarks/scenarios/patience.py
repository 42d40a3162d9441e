"""Rollouts with a policy that takes its time: what the engine adds to the waiting."""

from __future__ import annotations

from time import perf_counter

import anyio

from asynccode.policies import Gold
from asynccode.records import Action, Task, Turn
from asynccode.rollout import rollout
from asynccode.testing.fakes import FakeBackend, FakeSuite
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main


class Slow(Gold):
    """Thinks so many seconds before each action."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def act(self, turn: Turn) -> Action:
        """Think, then play gold."""
        await anyio.sleep(self.seconds)
        return await super().act(turn)


async def measure(*, episodes: int = 256, turns: int = 3, think: float = 3.0) -> Result:
    """Play all episodes at once; the limit is what the waiting alone takes."""
    gold = ["echo 0"] * (turns - 1)
    task = Task(id="slow", query="Print 0.", gold=gold, metadata={"answer": "0"})
    async with FakeBackend() as backend:
        before = perf_counter()
        async with rollout(
            FakeSuite([task]),
            Slow(think),
            backend=backend,
            attempts=episodes,
            concurrency=episodes,
        ) as run:
            solved = sum([episode.solved async for episode in run])
        seconds = perf_counter() - before
    return Result(
        scenario="patience",
        settings={"episodes": episodes, "turns": turns, "think": think},
        measures=[
            Measure(name="all episodes", value=seconds, unit="s", limit=turns * think, target=1.1),
            Measure(name="solved", value=solved, unit="", target=episodes, better="higher"),
        ],
        raw=run.statistics.summary(),
    )


if __name__ == "__main__":
    main(measure)
