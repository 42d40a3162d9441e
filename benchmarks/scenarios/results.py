"""What is made of a large run folder: tables, the page, exports; beside reading its JSON alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

import anyio.to_thread

from asynccode.lines import dump_line
from asynccode.runfolder import EPISODES, MANIFEST
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

READ = "import json, sys\nfor line in open(sys.argv[1], 'rb'): json.loads(line)"
"""The limit: every line is parsed, and nothing kept of it."""
COMMANDS: Mapping[str, Sequence[str]] = {
    "summary": ("summary", "{}", "--format", "json"),
    "view": ("view", "{}", "--output", "{}/page.html"),
    "export to messages": ("export", "{}", "--to", "messages"),
    "export to intercode": ("export", "{}", "--to", "intercode"),
}


async def measure(*, episodes: int = 10_000, rounds: int = 3) -> Result:
    """Make a folder of so many episodes and give each command's CPU time and peak memory."""
    with tempfile.TemporaryDirectory(prefix="asynccode-bench-") as name:
        folder = Path(name)
        size = await anyio.to_thread.run_sync(partial(_fill, folder, episodes))
        read = [sys.executable, "-c", READ, str(folder / EPISODES)]
        raw: dict[str, list[tuple[float, float]]] = {"read": []}
        for _ in range(rounds):
            raw["read"].append(await _child(read))
            for label, words in COMMANDS.items():
                command = [sys.executable, "-m", "asynccode", *(w.format(name) for w in words)]
                raw.setdefault(label, []).append(await _child(command))
    limit = min(seconds for seconds, _ in raw["read"])
    return Result(
        scenario="results",
        settings={"episodes": episodes, "rounds": rounds, "megabytes": size / 1e6},
        measures=[
            measured
            for label in COMMANDS
            for measured in (
                Measure(
                    name=f"{label}, CPU time",
                    value=min(seconds for seconds, _ in raw[label]),
                    unit="s",
                    limit=limit,
                ),
                Measure(
                    name=f"{label}, peak memory",
                    value=max(memory for _, memory in raw[label]),
                    unit="MiB",
                ),
            )
        ],
        raw=raw,
    )


def _fill(folder: Path, episodes: int) -> int:
    chance = Random(1)
    (folder / MANIFEST).write_text('{"suite": "made", "backend": "none", "policy": "made"}')
    with (folder / EPISODES).open("wb") as file:
        for number in range(episodes):
            steps = [
                {
                    "action": f"find /srv -name '*{chance.randrange(999)}*' | head",
                    "observation": "".join(
                        f"/srv/{chance.randrange(10**6)}\n" for _ in range(chance.randrange(40))
                    ),
                    "outcome": "ok",
                    "valid": True,
                    "reward": None,
                    "seconds": 0.01,
                }
                for _ in range(chance.randrange(1, 11))
            ]
            solved = chance.random() < 0.5
            file.write(
                dump_line(
                    {
                        "task_id": f"t{number // 4}",
                        "attempt": number % 4,
                        "query": "Find what is there.",
                        "steps": steps,
                        "reward": float(solved),
                        "solved": solved,
                        "stop_reason": "submitted",
                        "wall_seconds": 0.1,
                    }
                )
            )
        return file.tell()


async def _child(command: Sequence[str]) -> tuple[float, float]:
    return await anyio.to_thread.run_sync(partial(_run, command))


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Give CPU seconds and peak MiB of a process of its own."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command} ended with {child.returncode}.")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(measure)
