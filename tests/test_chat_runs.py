"""Runs of a chat model: what ends an episode, what is left behind, the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

import asynccode
from asynccode.agents.chat import Chat
from asynccode.cli import main
from asynccode.outcomes import Limits
from asynccode.records import StopReason
from asynccode.runfolder import read_episodes
from asynccode.testing.chat_answers import Answer, Recorded
from asynccode.testing.chat_server import Troubles, serve
from asynccode.testing.fakes import FakeBackend, FakeSuite
from tests.chat_world import HELLO, no_key, say

__all__ = ["no_key"]
pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_leaks", "no_key")]


async def test_an_overflow_ends_the_episode_scored_and_accounted() -> None:
    def answer(request: Mapping[str, Any]) -> Answer:
        if len(request["messages"]) < 4:
            return "```bash\necho 0\n```"
        return {"status": 400, "error": {"message": "x", "code": "context_length_exceeded"}}

    async with (
        serve(answer) as server,
        Chat("m", base_url=server.url) as policy,
        asynccode.rollout(FakeSuite(1), policy, backend=FakeBackend()) as run,
    ):
        [episode] = [episode async for episode in run]
    assert episode.stop_reason is StopReason.CONTEXT_OVERFLOW
    assert episode.reward == 1.0
    assert len(episode.steps) == 1
    assert episode.tokens_out > 0


async def test_with_a_server_that_does_all_wrong_no_episode_is_lost_or_scored_wrongly() -> None:
    count = 30
    replies = {f"Print {n}.": [f"```bash\necho {n}\n```", "submit"] for n in range(count)}
    trouble = Troubles(
        slow=0.05,
        drop=0.06,
        cut=0.06,
        busy=0.1,
        broken=0.06,
        nonsense=0.1,
        overflow=0.04,
        slow_seconds=0.05,
        retry_after=0.01,
    )
    async with (
        serve(Recorded(replies), trouble=trouble) as server,
        Chat("m", base_url=server.url, retries=15) as policy,
        asynccode.rollout(FakeSuite(count), policy, backend=FakeBackend(), concurrency=30) as run,
    ):
        made = {episode.task_id: episode async for episode in run}
    assert len(made) == count
    for task, episode in made.items():
        actions = [step.action for step in episode.steps]
        expected = [f"echo {task[1:]}", "submit"]
        assert actions == expected[: len(actions)]
        overflowed = episode.stop_reason is StopReason.CONTEXT_OVERFLOW
        assert overflowed or episode.stop_reason is StopReason.SUBMITTED
        assert episode.reward == (1.0 if actions else 0.0)
    assert min(server.troubles[name] for name in ("drop", "cut", "busy", "nonsense")) > 0
    assert policy.model.connections.statistics()["busy"] == 0


async def test_an_episode_out_of_time_gives_its_connection_back() -> None:
    suite = FakeSuite(4, limits=Limits(episode_seconds=0.3))
    async with (
        serve(say("submit"), latency=30) as server,
        Chat("m", base_url=server.url, connections=2) as policy,
        asynccode.rollout(suite, policy, backend=FakeBackend(), concurrency=4) as run,
    ):
        made = [episode async for episode in run]
        assert policy.model.connections.statistics() == {
            "connections": 2,
            "busy": 0,
            "waiting": 0,
        }
    assert {episode.stop_reason for episode in made} == {StopReason.WALL_TIME}
    assert [episode.reward for episode in made] == [0.0] * 4


def connected_to(url: str) -> int:
    """Count the connections to a port of this machine that the client has not closed."""
    port = int(url.split(":")[2].partition("/")[0])
    rows = [
        row.split() for row in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    ]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


async def test_a_run_that_is_left_leaves_no_connection() -> None:
    async def leave(policy: Chat) -> None:
        async with (
            policy,
            asynccode.rollout(FakeSuite(5), policy, backend=FakeBackend(), concurrency=5) as run,
        ):
            async for _ in run:
                pass

    async with serve(say("submit"), latency=0.1) as server:
        policy = Chat("m", base_url=server.url)  # held: nothing is closed for want of it
        async with anyio.create_task_group() as warm:
            for _ in range(8):
                warm.start_soon(policy.model.ask, HELLO)
        assert connected_to(server.url) == 8
        server.latency = 60
        async with anyio.create_task_group() as group:
            group.start_soon(leave, policy)
            while server.requests < 8 + 5:
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()  # five wait for an answer, three lie idle
        assert connected_to(server.url) == 0, "while the server and the policy are still there"


async def test_seeds_are_derived_for_each_request() -> None:
    async with serve(say("submit"), keep=True) as server:
        for seed in (0, 1, 1, 2):
            async with (
                Chat("m", base_url=server.url, seed=seed) as policy,
                asynccode.rollout(FakeSuite(1), policy, backend=FakeBackend(), attempts=2) as run,
            ):
                _ = [episode async for episode in run]
        assert server.bodies is not None
        seeds = [body.get("seed") for body in server.bodies]
    assert seeds[:2] == [None, None]
    assert set(seeds[2:4]) == set(seeds[4:6])
    assert len(set(seeds[2:])) == 4


def test_the_command_line_plays_a_model_and_counts_its_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = {f"Print {n}.": [f"```bash\necho {n}\n```", "submit"] for n in range(3)}
    words = ["run", "asynccode.testing.fakes:FakeSuite", "--limit", "3", "--json"]
    words += ["--backend", "asynccode.testing.fakes:FakeBackend", "--policy", "chat:small"]
    words += ["--strategy", "react", "--temperature", "0.2", "--sampling", "top_p=0.9"]
    words += ["--token-price", "2000000,1000000"]

    more = ["--output", str(tmp_path / "run"), "--base-url"]
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(Recorded(replies))) as server,
    ):
        url = server.url
        status = main([*words, *more, url])
    summary = json.loads(capsys.readouterr().out)
    assert status == 0
    assert summary["solved"] == 3
    episodes = list(read_episodes(tmp_path / "run"))
    assert summary["tokens_in"] == sum(e["tokens_in"] for e in episodes) > 0
    assert episodes[0]["steps"][0]["calls"][0]["messages"][0]["role"] == "system"
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    agent = manifest["agent"]
    assert (agent["model"], agent["strategy"], agent["prompts"]) == ("small", "react", "v1")
    assert agent["sampling"] == {"temperature": 0.2, "top_p": 0.9}
    assert manifest["base_url"] == url
    assert manifest["token_prices"] == {"million_in": 2e6, "million_out": 1e6}
    assert summary["cost"] == 2 * summary["tokens_in"] + summary["tokens_out"]
    other = [*words, "--base-url", url, "--output", str(tmp_path / "run"), "--strategy", "tools"]
    assert main(other) == 2
    assert "agent was" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--policy", "chat:m"], "OPENAI_API_KEY"),
        (["--policy", "chat:m", "--base-url", "x"], "must begin with http"),
        (["--strategy", "react"], "The policy 'gold' takes no --strategy: leave that out."),
        (["--policy", "chat:m", "--base-url", "http://x", "--strategy", "tree"], "no strategy"),
        (["--policy", "chat:m", "--sampling", "model=x"], "must be NAME=JSON"),
        (["--policy", "chat:m", "--token-price", "0.1"], "must be two prices"),
    ],
)
def test_bad_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    suite = ["run", "asynccode.testing.fakes:FakeSuite", "--json"]
    suite += ["--backend", "asynccode.testing.fakes:FakeBackend"]
    assert main([*suite, *words]) == 2
    assert text in json.loads(capsys.readouterr().out)["error"]
