"""What is measured: one small module each, run as `python -m benchmarks.scenarios.NAME`.

A module's `measure` is an async function whose keyword arguments are the program's options;
it gives a `Result`, which the program prints as one JSON object. Who adds one adds its name
here.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from asynccode.errors import AsynccodeError
from asynccode.machine import raise_file_limit
from benchmarks.measures import Result

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = {
    "cold_start": "a sandbox, from nothing to its first observation",
    "warm_start": "a sandbox from the warm pool to its first observation",
    "step": "one step in a live session",
    "python": "Python sessions: a step, a start, a fork, and a thousand at once",
    "alive": "many sandboxes alive at once in one event loop",
    "engine": "rollouts of a null environment: what the engine itself costs",
    "patience": "rollouts with a policy that takes 3 s a turn: what the engine adds",
    "chat": "a thousand conversations with a chat server at once",
    "agents": "each strategy plays the golds through a chat server, to the letter",
    "backends": "the same work on each backend",
    "containers": "Docker and Podman beside their raw client",
    "recycling": "containers used once and used again",
    "replay": "InterCode's recordings of fs_1, played again and scored every turn",
    "original": "the public intercode-bench beside ours, the same episodes",
    "results": "tables, the page and exports of a large run folder",
    "sql_alive": "many live episodes, each with a written private copy of a database",
    "sql_replay": "InterCode's Spider recordings, played again beside one connection to a MySQL",
    "sql_rollout": "Spider's golds on each database backend",
    "sql_step": "SQL statements through the environment, beside the bare driver",
    "rollout": "the bash suite's golds, many times, at full concurrency",
}
Measuring = Callable[..., Awaitable[Result]]


def options_of(name: str) -> dict[str, Any]:
    """Give the options of a scenario and their defaults."""
    measure: Measuring = importlib.import_module(f"benchmarks.scenarios.{name}").measure
    return _options(measure)


def _options(measure: Measuring) -> dict[str, Any]:
    return {key: value.default for key, value in inspect.signature(measure).parameters.items()}


def main(measure: Measuring) -> None:
    """Run a scenario as a program. What breaks in it is a result too."""
    name = Path(inspect.getfile(measure)).stem
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.scenarios.{name}")
    for key, default in _options(measure).items():
        parser.add_argument(f"--{key}", type=type(default), default=default)
    options = vars(parser.parse_args())
    raise_file_limit()
    try:
        result = anyio.run(partial(measure, **options))
    except (AsynccodeError, OSError, RuntimeError) as error:
        result = Result(scenario=name, settings=options, error=f"{type(error).__name__}: {error}")
    json.dump(result.record(), sys.stdout, allow_nan=False)
    sys.stdout.write("\n")
