"""Docker and Podman beside the raw client: creating containers, a step, many at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter
from typing import Any, cast

import aiodocker
import anyio

from asynccode import registry
from asynccode.backends.engine import spec
from asynccode.backends.engine.backend import EngineBackend
from asynccode.images import Image
from asynccode.interfaces import Session
from asynccode.outcomes import Limits
from benchmarks import choice
from benchmarks.measures import Measure, Result, spread
from benchmarks.scenarios import main

RATE_TARGET, STEP_TARGET = 0.9, 1.5
MARK = b"that was it"


async def measure(
    *,
    names: str = "docker,podman",
    starts: int = 24,
    concurrency: int = 8,
    rounds: int = 3,
    steps: int = 400,
    alive: int = 200,
) -> Result:
    """Work through us and through aiodocker alone, in turns."""
    measures: list[Measure] = []
    raw: dict[str, Any] = {}
    found, missing = await choice.available(names)
    for name in found:
        async with cast("EngineBackend", registry.load_backend(name)) as backend:
            image = Image()
            await backend.prepare(image)
            where = backend.about.where
            client = aiodocker.Docker(where)
            try:
                peer = Peer(client, backend, image, await backend.name_of(image))
                rates = await _rates(backend, peer, starts, concurrency, rounds)
                times = await _steps(backend, peer, steps, rounds)
            finally:
                await client.close()
            many, removing, left = await _alive(backend, alive, concurrency)
        raw[name] = {
            "rates": rates,
            "step_us": {who: spread(found) for who, found in times.items()},
            "many": many,
        }
        measures += [
            Measure(
                name=f"{name}: sandboxes opened and removed, beside bare containers",
                value=median(rates["ours"]),
                limit=median(rates["raw"]),
                unit="per second",
                target=RATE_TARGET,
                better="higher",
            ),
            Measure(
                name=f"{name}: built-in step, beside the bare stream",
                value=median(times["ours"]),
                limit=median(times["raw"]),
                unit="us",
                target=STEP_TARGET,
            ),
            Measure(
                name=f"{name}: alive at once and well",
                value=many,
                unit="containers",
                target=alive,
                better="higher",
            ),
            Measure(name=f"{name}: all removed in", value=removing, unit="s"),
            Measure(name=f"{name}: left behind", value=left, unit="containers", target=0),
        ]
    settings = {"starts": starts, "concurrency": concurrency, "rounds": rounds, "missing": missing}
    return Result(
        scenario="containers",
        settings=settings,
        measures=measures,
        raw=raw,
        skipped=None if measures else f"there is no engine: {missing}",
    )


class Peer:
    """What aiodocker does by itself: the same container, attached, with a plain Bash in it."""

    def __init__(
        self, client: aiodocker.Docker, backend: EngineBackend, image: Image, name: str
    ) -> None:
        self._client, self._backend = client, backend
        config = spec.container(image, name, Limits(), backend.run)
        config["Entrypoint"] = ["/bin/bash", "-s"]
        host = config["HostConfig"]
        host["Ulimits"] = [*host["Ulimits"], {"Name": "nproc", "Soft": 4096, "Hard": 4096}]
        self._config = config

    async def open(self) -> tuple[Any, Any]:
        """Create, attach, start, and wait for a first answer."""
        container = await self._client.containers.create(self._config, name=spec.name())
        stream = container.attach(stdin=True, stdout=True, stderr=True)
        await stream.__aenter__()
        await container.start()
        await self.step(stream)
        return container, stream

    async def step(self, stream: Any) -> None:
        """Send a built-in and read up to its end."""
        await stream.write_in(b"echo hi; echo %s\n" % MARK)
        seen = b""
        while MARK not in seen:
            message = await stream.read_out()
            if message is None:
                raise RuntimeError(f"the stream ended: {seen!r}")
            seen += message.data

    async def once(self) -> None:
        """Open one and remove it."""
        container, stream = await self.open()
        await container.delete(force=True, v=True)
        await stream.close()


async def _rates(
    backend: EngineBackend, peer: Peer, starts: int, concurrency: int, rounds: int
) -> dict[str, list[float]]:
    async def ours() -> None:
        async with await backend.open(Image(), Limits()) as sandbox:
            await (await sandbox.session()).run("echo hi")

    found: dict[str, list[float]] = {"ours": [], "raw": []}
    for number in range(rounds):
        turns: list[tuple[str, Callable[[], Awaitable[None]]]]
        turns = [("raw", peer.once), ("ours", ours)]
        for who, once in turns if number % 2 else reversed(turns):
            found[who].append(await _rate(once, starts, concurrency))
    return found


async def _rate(once: Callable[[], Awaitable[None]], count: int, concurrency: int) -> float:
    limiter = anyio.CapacityLimiter(concurrency)

    async def run() -> None:
        async with limiter:
            await once()

    began = perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(run)
    return count / (perf_counter() - began)


async def _steps(
    backend: EngineBackend, peer: Peer, steps: int, rounds: int
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"ours": [], "raw": []}
    container, stream = await peer.open()
    async with await backend.open(Image(), Limits()) as sandbox:
        session = await sandbox.session()
        for _ in range(rounds):
            for _ in range(steps):
                began = perf_counter()
                await peer.step(stream)
                found["raw"].append((perf_counter() - began) * 1e6)
            for _ in range(steps):
                began = perf_counter()
                await session.run("echo hi")
                found["ours"].append((perf_counter() - began) * 1e6)
    await container.delete(force=True, v=True)
    await stream.close()
    return found


async def _alive(backend: EngineBackend, count: int, concurrency: int) -> tuple[int, float, int]:
    """Open many, step all of them, remove them; give how many were well, and what is left."""
    sandboxes = []
    limiter = anyio.CapacityLimiter(concurrency)

    async def start() -> None:
        async with limiter:
            sandboxes.append(await backend.open(Image(), Limits()))

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(start)
    sessions = [await sandbox.session() for sandbox in sandboxes]
    well = 0

    async def step(session: Session, number: int) -> None:
        nonlocal well
        answers = [(await session.run(f"echo {number} {turn}")).text for turn in range(10)]
        well += answers == [f"{number} {turn}\n" for turn in range(10)]

    async with anyio.create_task_group() as group:
        for number, session in enumerate(sessions):
            group.start_soon(step, session, number)

    async def remove(number: int) -> None:
        async with limiter:
            await sandboxes[number].aclose()

    began = perf_counter()
    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(remove, number)
    took = perf_counter() - began
    left = await backend.engine.containers.listed(f"{spec.RUN}={backend.run}")
    return well, took, len(left)


if __name__ == "__main__":
    main(measure)
