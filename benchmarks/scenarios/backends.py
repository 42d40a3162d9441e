"""The same work on each backend, in turns: starts, steps, memory, episodes of the bash suite."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from statistics import mean, median
from time import perf_counter

import anyio

from asynccode import registry
from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.sandbox import EngineSandbox
from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Limits, MiB
from asynccode.policies import Gold
from asynccode.rollout import rollout
from benchmarks import choice, held
from benchmarks.machine import available_memory
from benchmarks.measures import Measure, Result, spread
from benchmarks.scenarios import main

ALIVE = 20
"""Sandboxes over whose memory the mean is taken."""
SETTLE = 3.0
"""Seconds until what has closed has given its memory back."""
KINDS = {"start": "start to first observation", "step": "built-in step", "program": "program step"}


async def measure(
    *, rounds: int = 5, each: int = 10, attempts: int = 1, names: str = "local,nsjail,docker,podman"
) -> Result:
    """Work on the backends by turns; those that cannot work here are left out, and named."""
    times: dict[str, dict[str, list[float]]] = {}
    rates: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    rewards: dict[str, list[float]] = {}
    found, missing = await choice.available(names)
    async with AsyncExitStack() as stack:
        backends: dict[str, Backend] = {}
        for name in found:
            backends[name] = await stack.enter_async_context(registry.load_backend(name))
            times[name] = {kind: [] for kind in KINDS}
            rates[name], rewards[name] = [], []
        for name, backend in backends.items():  # before anything can be given back
            memory[name] = await _memory(backend)
        for _ in range(rounds):
            for name, backend in backends.items():
                await _start_and_step(backend, each, times[name])
        for name, backend in backends.items():  # images and the golds' effects are made once
            await _episodes(backend, 1, rewards[name])
        for _ in range(2):
            for name, backend in backends.items():
                rates[name].append(await _episodes(backend, attempts, rewards[name]))
    return Result(
        scenario="backends",
        settings={"rounds": rounds, "each": each, "attempts": attempts, "missing": missing},
        measures=[
            measure
            for name in backends
            for measure in (
                *_measures(name, times, rates),
                Measure(name=f"{name}: memory of each, all in", value=memory[name], unit="MiB"),
                Measure(
                    name=f"{name}: mean reward of gold",
                    value=mean(rewards[name]),
                    unit="",
                    target=1.0,
                    better="higher",
                ),
            )
        ],
        raw={
            "ms": {name: {k: spread(v) for k, v in found.items()} for name, found in times.items()},
            "episodes_per_second": rates,
        },
    )


def _measures(
    name: str, times: Mapping[str, Mapping[str, list[float]]], rates: Mapping[str, list[float]]
) -> list[Measure]:
    return [
        *(
            Measure(name=f"{name}: {text}, median", value=median(times[name][kind]))
            for kind, text in KINDS.items()
        ),
        Measure(
            name=f"{name}: episodes",
            value=median(rates[name]),
            unit="per second",
            better="higher",
        ),
    ]


async def _start_and_step(backend: Backend, each: int, times: dict[str, list[float]]) -> None:
    for _ in range(each):
        began = perf_counter()
        async with await backend.open(Image(), Limits()) as sandbox:
            session = await sandbox.session()
            await session.run("echo hi")
            times["start"].append((perf_counter() - began) * 1e3)
            for kind, code, count in (("step", "echo hi", 20), ("program", "/bin/true", 3)):
                for _ in range(count):
                    began = perf_counter()
                    await session.run(code)
                    times[kind].append((perf_counter() - began) * 1e3)


async def _memory(backend: Backend) -> float:
    """Give what a sandbox with a live session takes of the machine's memory, in MiB."""
    async with await backend.open(Image(), Limits()) as sandbox:
        await (await sandbox.session()).run("echo hi")  # what is made once
    await anyio.sleep(SETTLE)
    before = available_memory()
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(ALIVE):
            sandbox = await stack.enter_async_context(await backend.open(Image(), Limits()))
            await (await sandbox.session()).run("echo hi")
            opened.append(sandbox)
        if isinstance(backend, EngineBackend):
            names = [sandbox.name for sandbox in opened if isinstance(sandbox, EngineSandbox)]
            return mean([await held.memory(backend, name) for name in names])
        return (before - available_memory()) / ALIVE / MiB


async def _episodes(backend: Backend, attempts: int, rewards: list[float]) -> float:
    """Give the golds' episodes per second; their rewards are added to `rewards`."""
    async with rollout("bash", Gold(), backend=backend, attempts=attempts) as run:
        async for episode in run:
            rewards.append(episode.reward or 0.0)
            if not episode.solved:
                raise RuntimeError(
                    f"{episode.task_id} on {backend.name} ended with {episode.stop_reason}"
                    f" and reward {episode.reward}: {episode.error}"
                )
        return float(run.statistics.summary()["episodes_per_second"])


if __name__ == "__main__":
    main(measure)
