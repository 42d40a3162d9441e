"""A thousand conversations at once: what the client costs, and whether the loop stays free."""

from __future__ import annotations

from time import perf_counter, process_time

import anyio

from asynccode.agents.chat import Chat
from asynccode.outcomes import Limits
from asynccode.rollout import rollout
from asynccode.testing.fakes import FakeBackend, FakeSuite
from benchmarks.chat_process import chat_server
from benchmarks.measures import Measure, Result, percentile, spread, waits
from benchmarks.scenarios import main

TICK = 0.01
IDLE_SECONDS = 3.0
"""How long the loop is watched doing nothing: what a busy machine adds by itself."""


async def measure(
    *, conversations: int = 1000, turns: int = 3, latency: float = 3.0, connections: int = 1024
) -> Result:
    """Hold conversations with a server that takes `latency` seconds to answer."""
    wakeups: list[float] = []

    async def tick() -> None:
        while True:
            wakeups.append(perf_counter())
            await anyio.sleep(TICK)

    replies = ["```bash\necho x\n```"] * (turns - 1) + ["submit"]
    suite = FakeSuite(conversations, limits=Limits(episode_seconds=600.0))
    async with (
        chat_server(answers={"Print": replies}, latency=latency) as server,
        Chat("recorded", base_url=server.url, connections=connections) as policy,
        FakeBackend() as backend,
        anyio.create_task_group() as group,
    ):
        group.start_soon(tick)
        await anyio.sleep(IDLE_SECONDS)
        idle = [1e3 * lag for lag in waits(wakeups, TICK)]
        wakeups.clear()
        before = process_time()
        async with rollout(
            suite, policy, backend=backend, concurrency=conversations, max_turns=turns
        ) as run:
            ended = [episode.stop_reason async for episode in run]
        cpu = process_time() - before
        summary = run.statistics.summary()
        group.cancel_scope.cancel()
    lags = [1e3 * lag for lag in waits(wakeups, TICK)]
    requests = server.counts["requests"]
    return Result(
        scenario="chat",
        settings={"conversations": conversations, "turns": turns, "latency": latency},
        measures=[
            Measure(
                name="conversations at once",
                value=summary["peak_concurrency"],
                unit="",
                target=conversations,
                better="higher",
            ),
            Measure(
                name="not ended by the model",
                value=len(ended) - summary["stop_reasons"].get("submitted", 0),
                unit="",
                target=0,
            ),
            Measure(
                name="connections ever made",
                value=server.counts["connections"],
                unit="",
                target=connections,
            ),
            Measure(name="processor time of a request", value=1e3 * cpu / requests),
            Measure(name="event-loop lag, p99", value=percentile(lags, 0.99), target=100),
            Measure(name="event-loop lag, p99, idle before", value=percentile(idle, 0.99)),
        ],
        raw={"server": server.counts, "lag_ms": {**spread(lags), "max": max(lags)}, **summary},
    )


if __name__ == "__main__":
    main(measure)
