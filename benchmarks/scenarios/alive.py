"""Many sandboxes alive at once in one event loop: started, stepped, removed."""

from __future__ import annotations

import gc
import os
from time import perf_counter

import anyio

from asynccode.admission import Admission
from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.interfaces import Sandbox, Session, sandbox_of
from asynccode.outcomes import Limits, MiB
from benchmarks.leftovers import control_groups, orphans
from benchmarks.machine import available_memory
from benchmarks.measures import Measure, Result, percentile, spread, waits
from benchmarks.scenarios import main

MEMORY_TARGET, LAG_TARGET = 2.5, 100.0
TICK = 0.005
"""Seconds between two looks at the loop."""


async def measure(*, sandboxes: int = 2000, seconds: float = 10.0, base: str = "host") -> Result:
    """Keep `sandboxes` alive and step all of them, again and again, for some seconds."""
    image = Image(base=base)
    alive: list[Sandbox] = []
    wakeups: list[float] = []
    took: list[float] = []
    before_fds = len(os.listdir("/proc/self/fd"))
    async with NsjailBackend() as backend:
        async with await backend.open(image, Limits()):
            pass  # what is made once is no part of what each takes
        gc.collect()
        memory = available_memory()
        admission = Admission(sandboxes)

        async def start() -> None:
            alive.append(sandbox_of(await admission.open(backend, image, Limits())))

        began = perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(sandboxes):
                group.start_soon(start)
        starting = perf_counter() - began
        each = (memory - available_memory()) / len(alive) / MiB
        sessions = [await sandbox.session() for sandbox in alive]

        began = perf_counter()
        async with anyio.create_task_group() as watching:
            watching.start_soon(_watch, wakeups)
            async with anyio.create_task_group() as group:
                for number, session in enumerate(sessions):
                    group.start_soon(_step, session, number, began + seconds, took)
            watching.cancel_scope.cancel()
        stepping = perf_counter() - began

        began = perf_counter()
        async with anyio.create_task_group() as group:
            for sandbox in alive:
                group.start_soon(sandbox.aclose)
        removing = perf_counter() - began
        still_open = backend.statistics()["open"]
    left = [*orphans(), *control_groups(os.getpid())]
    left += ["descriptor"] * (len(os.listdir("/proc/self/fd")) - before_fds)
    left += ["sandbox"] * still_open
    lags = [1e3 * lag for lag in waits(wakeups, TICK)]
    return Result(
        scenario="alive",
        settings={"sandboxes": sandboxes, "seconds": seconds, "base": base},
        measures=[
            Measure(
                name="alive at once",
                value=len(alive),
                unit="sandboxes",
                target=sandboxes,
                better="higher",
            ),
            Measure(
                name="started", value=len(alive) / starting, unit="per second", better="higher"
            ),
            Measure(name="memory of each, all in", value=each, unit="MiB", target=MEMORY_TARGET),
            Measure(
                name="built-in steps",
                value=len(took) / stepping,
                unit="per second",
                better="higher",
            ),
            Measure(name="steps of each", value=len(took) / len(alive), unit="steps"),
            Measure(
                name="event-loop lag while stepping, p99",
                value=percentile(lags, 0.99),
                target=LAG_TARGET,
            ),
            Measure(name="all removed in", value=removing, unit="s"),
            Measure(name="left behind", value=len(left), unit="things", target=0),
        ],
        raw={
            "starting_seconds": starting,
            "stepping_seconds": stepping,
            "lag_ms": {**spread(lags), "max": max(lags)},
            "step_ms": spread(took),
            "left": left[:20],
        },
    )


async def _watch(wakeups: list[float]) -> None:
    """Note when the loop has time for us."""
    while True:
        wakeups.append(perf_counter())
        await anyio.sleep(TICK)


async def _step(session: Session, number: int, until: float, took: list[float]) -> None:
    """Step until it is time, and hold every observation against what it must be."""
    code = f"n=$((n + 1)); echo {number}:$n"
    count = 0
    while perf_counter() < until or count < 2:
        count += 1
        began = perf_counter()
        result = await session.run(code)
        took.append((perf_counter() - began) * 1e3)
        if result.output != f"{number}:{count}\n".encode():
            raise RuntimeError(f"sandbox {number}, step {count}: {result.output!r}")


if __name__ == "__main__":
    main(measure)
