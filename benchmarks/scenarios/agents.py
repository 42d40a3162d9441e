"""Each strategy plays the suite's golds as a chat model would say them; perhaps amid troubles.

    python -m benchmarks.scenarios.agents --trouble 0.3

A server plays the answers back. What it said must be what is executed, to the letter, and
every episode must be accounted for: solved, or ended by an overflow that the server made up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from asynccode import registry
from asynccode.agents.chat import Chat
from asynccode.records import Episode, StopReason, Task
from asynccode.rollout import rollout
from asynccode.testing.chat_answers import Answer
from benchmarks.chat_process import chat_server
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import main

OVERFLOW = 0.005
"""Share of requests that are said to be too long, amid troubles."""
EPISODE_SECONDS = 3600.0
"""Time for many retries on a busy machine: what is judged here is not speed."""


def code_of(task: Task, strategy: str) -> list[str]:
    """Give what is to be executed."""
    return ["\n".join(task.gold)] if strategy == "single-turn" else list(task.gold)


def answers_of(task: Task, strategy: str) -> Sequence[Answer]:
    """Put a task's gold into the replies of a model that follows the strategy."""
    code = code_of(task, strategy)
    if strategy == "tools":
        return [_tool("run", code=c) for c in code] + [_tool("submit")]
    blocks = [f"Next:\n`````bash\n{c}\n`````\nThat is all." for c in code]
    if strategy == "react":
        blocks = [f"Thought: so\nAction:\n{block}" for block in blocks]
        return [*blocks, "Thought: done\nAction: submit"]
    plan = ["1. solve it\n2. submit"] if strategy == "plan-and-solve" else []
    return [*plan, *blocks, "submit"]


def _tool(name: str, **arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"id": "call", "type": "function", "function": function}]}


def troubles(share: float) -> dict[str, float]:
    """Share out how much of all requests goes wrong."""
    if not share:
        return {}
    names = ("slow", "drop", "cut", "busy", "broken", "nonsense")
    shares = {name: share / len(names) for name in names}
    return {**shares, "overflow": OVERFLOW, "slow_seconds": 1.0, "retry_after": 0.2}


async def measure(
    *,
    strategy: str = "",
    episodes: int = 1000,
    concurrency: int = 500,
    trouble: float = 0.0,
    suite: str = "bash",
    backend: str = "nsjail",
) -> Result:
    """Play each strategy, or the one that is named."""
    measures: list[Measure] = []
    raw: dict[str, Any] = {}
    for name in [strategy] if strategy else registry.STRATEGIES:
        found = await _play(name, episodes, concurrency, trouble, suite, backend)
        raw[name] = found
        measures += [
            Measure(name=f"{name}: {what}", value=found[what], unit="", target=0)
            for what in ("lost", "altered", "wrongly scored", "errors")
        ]
        measures.append(
            Measure(
                name=f"{name}: episodes",
                value=found["episodes_per_second"],
                unit="per second",
                better="higher",
            )
        )
    settings = {"episodes": episodes, "concurrency": concurrency, "trouble": trouble}
    return Result(
        scenario="agents",
        measures=measures,
        settings={**settings, "suite": suite, "backend": backend},
        raw=raw,
    )


async def _play(
    strategy: str, episodes: int, concurrency: int, trouble: float, name: str, backend: str
) -> dict[str, Any]:
    suite = registry.load_suite(name)
    tasks = {task.id: task for task in suite.tasks}
    attempts = -(-episodes // len(tasks))
    done = {(t, a) for a in range(attempts) for t in tasks}
    asked = set(sorted(done, key=lambda pair: (pair[1], pair[0]))[:episodes])
    made: list[Episode] = []
    async with (
        chat_server(
            answers={t.query: answers_of(t, strategy) for t in suite.tasks},
            trouble=troubles(trouble),
        ) as server,
        Chat("recorded", strategy=strategy, base_url=server.url, retries=20) as policy,
        registry.load_backend(backend) as world,
        rollout(
            suite,
            policy,
            backend=world,
            attempts=attempts,
            concurrency=concurrency,
            limits=evolve(suite.limits, episode_seconds=EPISODE_SECONDS),
            done=done - asked,
        ) as run,
    ):
        made = [episode async for episode in run]
        summary = run.statistics.summary()
    played = {(episode.task_id, episode.attempt) for episode in made}
    overflowed = [e for e in made if e.stop_reason is StopReason.CONTEXT_OVERFLOW]
    ended = [e for e in made if e.stop_reason is StopReason.SUBMITTED]
    altered = 0
    for episode in made:
        code = [step.action for step in episode.steps if step.kind == "code"]
        wanted = code_of(tasks[episode.task_id], strategy)
        altered += code != (wanted if episode in ended else wanted[: len(code)])
    return {
        "lost": len(asked - played) + len(made) - len(played),
        "altered": altered,
        "wrongly scored": sum(e.reward != 1.0 for e in ended)
        + sum(e.reward is None for e in overflowed),
        "errors": len(made) - len(ended) - len(overflowed),
        "overflowed": len(overflowed),
        "messages": sorted({e.error for e in made if e.error and e not in overflowed})[:5],
        "server": server.counts,
        **{k: summary[k] for k in ("episodes_per_second", "peak_concurrency", "stop_reasons")},
        **{k: summary[k] for k in ("tokens_in", "tokens_out", "solved", "steps", "wall_seconds")},
    }


if __name__ == "__main__":
    main(measure)
