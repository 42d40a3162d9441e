"""Rollouts of a null environment with a null policy: what the engine itself costs."""

from __future__ import annotations

from asynccode.policies import Gold
from asynccode.records import Task
from asynccode.rollout import rollout
from asynccode.testing.fakes import FakeBackend, FakeSuite
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main


async def measure(*, episodes: int = 2000, steps: int = 20, concurrency: int = 256) -> Result:
    """Play episodes in memory, each of so many steps."""
    task = Task(
        id="null", query="Print 0.", gold=["echo 0"] * (steps - 1), metadata={"answer": "0"}
    )
    async with (
        FakeBackend() as backend,
        rollout(
            FakeSuite([task]),
            Gold(),
            backend=backend,
            attempts=episodes,
            concurrency=concurrency,
            max_turns=steps,
        ) as run,
    ):
        async for episode in run:
            if not episode.solved:
                raise RuntimeError(f"an episode ended with {episode.stop_reason}: {episode.error}")
        summary = run.statistics.summary()
    return Result(
        scenario="engine",
        settings={"episodes": episodes, "steps": steps, "concurrency": concurrency},
        measures=[
            Measure(
                name=name.replace("_per_second", ""),
                value=summary[name],
                unit="per second",
                better="higher",
            )
            for name in ("steps_per_second", "episodes_per_second")
        ],
        raw=summary,
    )


if __name__ == "__main__":
    main(measure)
