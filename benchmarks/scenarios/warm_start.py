"""A sandbox from the warm pool to its first observation: filled, and while it refills itself."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import anyio

from asynccode.admission import Admission
from asynccode.backends.nsjail import NsjailBackend
from asynccode.images import Image
from asynccode.interfaces import Sandbox, sandbox_of
from asynccode.outcomes import Limits
from asynccode.pool import Pool
from benchmarks.measures import Measure, Result, spread
from benchmarks.scenarios import main

TARGET = 0.3
FILL_SECONDS = 20.0


async def measure(*, rounds: int = 8, size: int = 16, base: str = "host") -> Result:
    """Fill the pool and empty it, again and again; then take from it while it refills."""
    filled: list[float] = []
    refilling: list[float] = []
    cold = 0
    async with NsjailBackend() as backend:
        await backend.prepare(Image(base=base))
        async with Pool(backend, Admission(size), size=size) as pool:
            taker = _Taker(pool, Image(base=base))
            for _ in range(rounds):
                await taker.fill()
                pool.ahead = 0  # nobody asks for more: nothing is started meanwhile
                while pool.statistics()["ready"]:
                    filled.append(await taker.take())
                pool.ahead = None
                await taker.close()
            await taker.fill()
            for _ in range(rounds * size):
                warm = pool.warm
                took = await taker.take()
                if pool.warm > warm:
                    refilling.append(took)
                else:
                    cold += 1
                await taker.close()
                await anyio.sleep(0.02)  # what an agent takes at the very least
    return Result(
        scenario="warm_start",
        settings={"rounds": rounds, "size": size, "base": base},
        measures=[
            Measure(
                name="filled pool to first observation, median",
                value=median(filled),
                target=TARGET,
            ),
            Measure(name="while it refills, one every 20 ms, median", value=median(refilling)),
            Measure(
                name="of those, not ready when asked for",
                value=100 * cold / (cold + len(refilling)),
                unit="%",
            ),
        ],
        raw={"filled": spread(filled), "refilling": spread(refilling), "cold": cold},
    )


class _Taker:
    """Takes sandboxes from the pool."""

    def __init__(self, pool: Pool, image: Image) -> None:
        self._pool, self._image = pool, image
        self._taken: list[Sandbox] = []

    async def take(self) -> float:
        """Give the milliseconds to a first observation."""
        began = perf_counter()
        sandbox = sandbox_of(await self._pool.open(self._image, Limits()))
        self._taken.append(sandbox)
        session = await sandbox.session()
        result = await session.run("echo hi")
        took = perf_counter() - began
        if result.output != b"hi\n":
            raise RuntimeError(f"the first observation was {result.output!r}")
        return took * 1e3

    async def close(self) -> None:
        """Close what was taken."""
        while self._taken:
            await self._taken.pop().aclose()

    async def fill(self) -> None:
        """Ask in bursts until the pool, which follows demand, holds half its size, and rests."""
        with anyio.fail_after(FILL_SECONDS):
            while self._pool.statistics()["ready"] < self._pool.size // 2:
                for _ in range(self._pool.size):
                    await self.take()
                while self._pool.statistics()["starting"]:
                    await anyio.sleep(0.005)
                await self.close()


if __name__ == "__main__":
    main(measure)
