"""Python sessions on nsjail: a step, a start, a fork, and many at once; beside bare Pythons."""

from __future__ import annotations

import os
import shutil
from statistics import median
from time import perf_counter

import anyio

from asynccode.admission import Admission
from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.interfaces import Sandbox, sandbox_of
from asynccode.lease import Lease
from asynccode.outcomes import Limits, MiB
from asynccode.pool import Pool
from asynccode.python import PythonSession, open_python
from benchmarks import bare_python
from benchmarks.leftovers import control_groups, orphans
from benchmarks.machine import available_memory
from benchmarks.measures import Measure, Result, spread
from benchmarks.scenarios import main
from benchmarks.scenarios.cold_start import start as start_bash

STEP_TARGET, COLD_TARGET = 3.0, 1.5
CODE, ANSWER = "6 * 7", b"42\n"
BARE = 50
"""Bare interpreters that memory is compared with."""
FILL_SECONDS = 60.0
CLOSING = 32
"""Sandboxes closed at once."""


async def measure(
    *,
    rounds: int = 10,
    each: int = 200,
    starts: int = 10,
    sessions: int = 1000,
    base: str = "host",
) -> Result:
    """Measure in turns with what each is compared with; `sessions` at once at last."""
    python = "python3"
    # The one that a sandbox finds: PATH may have another here, or a script that looks for one.
    here = shutil.which(python, path=os.defpath) or python
    image = Image(base=base, python=python)
    took: dict[str, list[float]] = {
        name: [] for name in ("step", "loop", "cold", "bash", "ready", "fork", "pass")
    }
    async with NsjailBackend() as backend:
        await backend.prepare(image)
        await start_bash(backend, image)
        async with await backend.open(image, Limits()) as sandbox:
            session = await open_python(sandbox, Limits(), python=python)
            fresh = await open_python(sandbox, Limits(), python=python, keep=False)
            with bare_python.Loop(here) as loop:
                for _ in range(rounds):
                    took["loop"] += loop.take(CODE, each)
                    took["step"] += [await step(session) for _ in range(each)]
                    took["pass"] += bare_python.starts(here, starts)
                    took["fork"] += [await step(fresh) for _ in range(starts)]
        for _ in range(rounds):
            took["bash"].append(await start_bash(backend, image))
            took["cold"].append(await cold(backend, image))
        async with Pool(backend, Admission(8), size=8) as pool:
            for _ in range(rounds):
                took["bash"].append(await start_bash(backend, image))
                took["ready"].append(await ready(pool, image))
    # Before the crowd, whose memory is given back for a while after its end.
    bare = bare_python.memory(here, BARE) / MiB
    many = await together(image, sessions)
    bash = median(took["bash"])
    return Result(
        scenario="python",
        settings={
            "rounds": rounds,
            "each": each,
            "starts": starts,
            "sessions": sessions,
            "base": base,
        },
        measures=[
            Measure(
                name="a step, against the same loop on blocking pipes",
                value=1e3 * median(took["step"]),
                unit="us",
                limit=1e3 * median(took["loop"]),
                target=STEP_TARGET,
            ),
            Measure(
                name="a ready sandbox with a Python that waits, against a cold Bash",
                value=median(took["ready"]),
                limit=bash,
                target=COLD_TARGET,
            ),
            Measure(
                name="a cold Python, against a cold Bash", value=median(took["cold"]), limit=bash
            ),
            Measure(
                name="a step in a fresh interpreter, against python -c pass",
                value=median(took["fork"]),
                limit=median(took["pass"]),
            ),
            Measure(
                name="sessions at once",
                value=many["sessions"],
                unit="sessions",
                target=sessions,
                better="higher",
            ),
            Measure(
                name="memory of each with its sandbox, against a bare python",
                value=many["memory"],
                unit="MiB",
                limit=bare,
            ),
            Measure(name="steps of all", value=many["rate"], unit="per second", better="higher"),
            Measure(name="left behind", value=many["left"], unit="things", target=0),
        ],
        raw={name: spread(values) for name, values in took.items()} | {"many": many},
    )


async def step(session: PythonSession) -> float:
    """Give the milliseconds of one step."""
    began = perf_counter()
    result = await session.run(CODE)
    took = perf_counter() - began
    if result.output != ANSWER:
        raise RuntimeError(f"a step gave {result.output!r}, {result.outcome}")
    return took * 1e3


async def cold(backend: NsjailBackend, image: Image) -> float:
    """Give the milliseconds from nothing to a first observation."""
    began = perf_counter()
    return await start(await backend.open(image, Limits()), began)


async def start(sandbox: Sandbox, began: float) -> float:
    """Give the milliseconds to a first observation; the sandbox is closed off the clock."""
    async with sandbox:
        session = await open_python(sandbox, Limits())
        await step(session)
        return (perf_counter() - began) * 1e3


async def ready(pool: Pool, image: Image) -> float:
    """Give the milliseconds from a pool's ready sandbox to a first observation."""
    with anyio.fail_after(FILL_SECONDS):
        while True:
            began = perf_counter()
            lease = await pool.open(image, Limits())
            waits = isinstance(lease, Lease) and lease.interpreter is not None
            took = await start(sandbox_of(lease), began)
            while pool.statistics()["starting"]:
                await anyio.sleep(0.01)
            if waits:
                return took


async def together(image: Image, count: int) -> dict[str, float]:
    """Have as many sessions at once, step all of them, and hold them against what they said."""
    before_fds = len(os.listdir("/proc/self/fd"))
    async with NsjailBackend() as backend:
        async with await backend.open(image, Limits()):
            pass
        memory = available_memory()
        admission = Admission(count)
        alive: list[tuple[Sandbox, PythonSession]] = []

        async def begin() -> None:
            sandbox = sandbox_of(await admission.open(backend, image, Limits()))
            alive.append((sandbox, await open_python(sandbox, Limits())))

        async def check(number: int, session: PythonSession) -> None:
            for turn in range(3):
                result = await session.run(f"n = globals().get('n', {number}) + 1\nn")
                if result.output != b"%d\n" % (number + turn + 1):
                    raise RuntimeError(f"session {number} gave {result.output!r}")

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(begin)
        each = (memory - available_memory()) / len(alive) / MiB
        began = perf_counter()
        async with anyio.create_task_group() as group:
            for number, (_, session) in enumerate(alive):
                group.start_soon(check, number, session)
        rate = 3 * len(alive) / (perf_counter() - began)
        at_once = anyio.CapacityLimiter(CLOSING)

        async def end(sandbox: Sandbox) -> None:
            async with at_once:
                await sandbox.aclose()

        async with anyio.create_task_group() as group:
            for sandbox, _ in alive:
                group.start_soon(end, sandbox)
    left = len(orphans()) + len(control_groups(os.getpid()))
    left += max(0, len(os.listdir("/proc/self/fd")) - before_fds)
    return {"sessions": len(alive), "memory": each, "rate": rate, "left": left}


if __name__ == "__main__":
    main(measure)
