"""A sandbox on nsjail, from nothing to its first observation, beside the raw sandbox.

Twice: on a machine at rest, and one right after the other, when what is left of the last one and
what is made ahead for the next ones want the processors too.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

import anyio

from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.outcomes import Limits
from benchmarks import limits
from benchmarks.measures import Measure, Result, percentile, spread
from benchmarks.scenarios import main

TARGET = 2.5
REST_SECONDS = 0.05


async def measure(*, rounds: int = 20, each: int = 10, base: str = "host") -> Result:
    """Start sandboxes one after the other, in turns with the limit."""
    rested: list[float] = []
    ours: list[float] = []
    raw: list[float] = []
    bash: list[float] = []
    image = Image(base=base)
    async with NsjailBackend() as backend:
        folders = limits.image_folders(await backend.prepare(image))
        with limits.Limits(folders, base=base) as limit:
            await start(backend, image)
            for _ in range(rounds):
                bash += limit.take("bash", each)
                raw += limit.take("sandbox", each)
                for _ in range(each):
                    await anyio.sleep(REST_SECONDS)
                    rested.append(await start(backend, image))
                ours += [await start(backend, image) for _ in range(each)]
            programs = limit.programs
    best = median(raw)
    return Result(
        scenario="cold_start",
        settings={
            "rounds": rounds,
            "each": each,
            "base": base,
            "limits_by": programs,
            "rest_seconds": REST_SECONDS,
        },
        measures=[
            Measure(
                name="open to first observation, median",
                value=median(rested),
                limit=best,
                target=TARGET,
            ),
            Measure(
                name="the same, p90", value=percentile(rested, 0.9), limit=percentile(raw, 0.9)
            ),
            Measure(name="one right after the other, median", value=median(ours), limit=best),
            Measure(name="raw sandbox over plain bash", value=best, limit=median(bash)),
        ],
        raw={
            "rested": spread(rested),
            "ours": spread(ours),
            "sandbox": spread(raw),
            "bash": spread(bash),
            "rested_ms": [round(value, 3) for value in rested],
            "ours_ms": [round(value, 3) for value in ours],
            "sandbox_ms": [round(value, 3) for value in raw],
        },
    )


async def start(backend: NsjailBackend, image: Image) -> float:
    """Give the milliseconds to a first observation; the sandbox is closed off the clock."""
    began = perf_counter()
    sandbox = await backend.open(image, Limits())
    try:
        session = await sandbox.session()
        result = await session.run("echo hi")
        took = perf_counter() - began
    finally:
        await sandbox.aclose()
    if result.output != b"hi\n":
        raise RuntimeError(f"the first observation was {result.output!r}")
    return took * 1e3


if __name__ == "__main__":
    main(measure)
