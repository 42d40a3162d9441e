"""Containers used once and used again, in turns: episodes that only read, and the bash golds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, cast

import anyio

from asynccode import registry
from asynccode.backends.engine.backend import EngineBackend
from asynccode.images import Image
from asynccode.interfaces import sandbox_of
from asynccode.outcomes import Limits
from asynccode.policies import Gold
from asynccode.pool import Pool
from asynccode.rollout import rollout
from benchmarks import choice
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

TARGET = 2.0
"""How many times as fast episodes that only read are to be."""
KINDS = {"read": "episodes that only read", "golds": "golds of the bash suite"}


async def measure(
    *, names: str = "docker,podman", episodes: int = 48, concurrency: int = 4, rounds: int = 1
) -> Result:
    """Play both kinds of episode with and without recycling, on each engine there is."""
    measures: list[Measure] = []
    raw: dict[str, Any] = {}
    found, missing = await choice.available(names)
    for name in found:
        async with cast("EngineBackend", registry.load_backend(name)) as backend:
            await backend.prepare(Image())
            kinds: dict[str, Callable[[bool], Awaitable[float]]] = {
                "read": partial(_readers, backend, episodes, concurrency),
                "golds": partial(_golds, backend, concurrency),
            }
            await _golds(backend, concurrency, True)  # what is made once
            rates: dict[str, dict[str, list[float]]] = {}
            used = {}
            for kind, play in kinds.items():
                rates[kind] = {"once": [], "again": []}
                before = backend.statistics()
                for turn in range(rounds):
                    for again in (turn % 2 == 0, turn % 2 == 1):
                        rates[kind]["again" if again else "once"].append(await play(again))
                used[kind] = {
                    key: backend.statistics()[key] - before[key] for key in ("recycled", "spoilt")
                }
            raw[name] = {"rates": rates, "used": used, "why": dict(backend.spoilt)}
        for kind, text in KINDS.items():
            measures.append(
                Measure(
                    name=f"{name}: {text}, containers used again beside once",
                    value=median(rates[kind]["again"]),
                    limit=median(rates[kind]["once"]),
                    unit="per second",
                    target=TARGET if kind == "read" else 1.0,
                    better="higher",
                )
            )
            share = used[kind]["recycled"] / max(1, sum(used[kind].values()))
            measures.append(
                Measure(name=f"{name}: {text}, share made new", value=100 * share, unit="%")
            )
    settings = {
        "episodes": episodes,
        "concurrency": concurrency,
        "rounds": rounds,
        "missing": missing,
    }
    return Result(
        scenario="recycling",
        settings=settings,
        measures=measures,
        raw=raw,
        skipped=None if measures else f"there is no engine: {missing}",
    )


async def _readers(backend: EngineBackend, episodes: int, concurrency: int, recycle: bool) -> float:
    """Give the rate of episodes of three steps that write nothing."""
    left = iter(range(episodes))

    async def work(pool: Pool) -> None:
        for _ in left:
            async with sandbox_of(await pool.open(Image(), Limits())) as sandbox:
                session = await sandbox.session()
                for code in ("cd /usr", "ls | wc -l", "grep -c root /etc/passwd"):
                    await session.run(code)

    async with Pool(backend, recycle=recycle) as pool:
        pool.ahead = episodes
        began = perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(concurrency):
                group.start_soon(work, pool)
        return episodes / (perf_counter() - began)


async def _golds(backend: EngineBackend, concurrency: int, recycle: bool) -> float:
    """Give the rate of the bash suite's golds, all of which must be right."""
    async with rollout(
        "bash", Gold(), backend=backend, concurrency=concurrency, recycle=recycle
    ) as run:
        async for episode in run:
            if not episode.solved:
                raise RuntimeError(f"{episode.task_id} was not solved: {episode.error}")
        return float(run.statistics.summary()["episodes_per_second"])


if __name__ == "__main__":
    main(measure)
