"""One step in a live session: a built-in, and a program; beside raw blocking pipes."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.interfaces import Session
from asynccode.outcomes import Limits, Outcome
from benchmarks import limits
from benchmarks.measures import Measure, Result, spread
from benchmarks.scenarios import main

TARGET = 5.0


async def measure(*, rounds: int = 20, each: int = 250, base: str = "host") -> Result:
    """Take steps in one session, in turns with the limit."""
    ours: dict[str, list[float]] = {"step": [], "fork": []}
    raw: dict[str, list[float]] = {"step": [], "fork": []}
    image = Image(base=base)
    counts = {"step": each, "fork": max(1, each // 10)}
    async with NsjailBackend() as backend:
        folders = limits.image_folders(await backend.prepare(image))
        with limits.Limits(folders, base=base) as limit:
            async with await backend.open(image, Limits()) as sandbox:
                session = await sandbox.session()
                for _ in range(rounds):
                    for kind, code in (("step", "echo hi"), ("fork", "/bin/true")):
                        raw[kind] += limit.take(kind, counts[kind])
                        ours[kind] += [await step(session, code) for _ in range(counts[kind])]
            programs = limit.programs
    return Result(
        scenario="step",
        settings={"rounds": rounds, "each": counts, "base": base, "limits_by": programs},
        measures=[
            Measure(
                name="built-in, median",
                value=1e3 * median(ours["step"]),
                unit="us",
                limit=1e3 * median(raw["step"]),
                target=TARGET,
            ),
            Measure(name="program, median", value=median(ours["fork"]), limit=median(raw["fork"])),
        ],
        raw={
            "ours": {k: spread(v) for k, v in ours.items()},
            "limit": {k: spread(v) for k, v in raw.items()},
        },
    )


async def step(session: Session, code: str) -> float:
    """Give the milliseconds of one step."""
    began = perf_counter()
    result = await session.run(code)
    took = perf_counter() - began
    if result.outcome is not Outcome.OK:
        raise RuntimeError(f"{code} ended with {result.outcome}")
    return took * 1e3


if __name__ == "__main__":
    main(measure)
