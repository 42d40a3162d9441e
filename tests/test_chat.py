"""A chat model over the wire: what is kept, what is retried, what ends an episode or a run."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

import asynccode
from asynccode.agents.chat import Chat
from asynccode.agents.completions import is_overflow, read_completion
from asynccode.agents.model import Model
from asynccode.cli import main
from asynccode.errors import ContextOverflow, InputError, PolicyError, Unavailable
from asynccode.outcomes import Limits
from asynccode.records import StopReason
from asynccode.runfolder import read_episodes
from asynccode.testing.chat_answers import Answer, Recorded
from asynccode.testing.chat_server import NONSENSE, Troubles, serve
from asynccode.testing.fakes import FakeBackend, FakeSuite

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_leaks")]

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def say(answer: Answer) -> Recorded:
    return Recorded({}, after=answer)


async def test_what_the_server_gives_is_kept() -> None:
    logprobs = {"content": [{"token": "hi", "logprob": -0.5}, {"token": "!", "logprob": -1.0}]}
    answer = {
        "content": "hi!",
        "reasoning_content": "be kind",
        "logprobs": logprobs,
        "token_ids": [7, 8],
        "prompt_token_ids": [1, 2, 3],
    }
    async with serve(say(answer), keep=True) as server:
        sampling = {"temperature": 0.5, "top_k": 3}
        async with Model("m", base_url=server.url, api_key="secret", sampling=sampling) as model:
            call = await model.ask(HELLO, seed=5)
        assert server.headers["authorization"] == "Bearer secret"
        assert server.bodies == [{"model": "m", "messages": HELLO, **sampling, "seed": 5}]
    assert call.reply == {"role": "assistant", "content": "hi!"}
    assert (call.reasoning, call.finish_reason, call.model) == ("be kind", "stop", "m")
    assert (call.tokens_in, call.tokens_out, call.requests) == (1, 1, 1)
    assert (call.prefix_ids, call.token_ids, call.logprobs) == ([1, 2, 3], [7, 8], [-0.5, -1.0])


@pytest.mark.parametrize("body", NONSENSE)
def test_what_is_no_completion_is_not_taken_for_one(body: bytes) -> None:
    assert read_completion(body) is None


def completion(message: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, **more}]}).encode()


def test_completions_of_all_sorts_are_read() -> None:
    call = read_completion(completion({"content": [{"type": "text", "text": "a"}, {"text": "b"}]}))
    assert call is not None
    assert (call.text, call.tokens_in) == ("ab", None)
    call = read_completion(completion({"content": None, "refusal": "I cannot."}))
    assert call is not None
    assert call.text == "I cannot."
    call = read_completion(completion({"content": None, "reasoning_content": "hm"}))
    assert call is not None
    assert call.text == ""
    loose = {"function": {"name": "run", "arguments": {"code": "ls"}}}
    call = read_completion(completion({"content": None, "tool_calls": [loose]}))
    assert call is not None
    assert call.reply["tool_calls"][0]["function"]["arguments"] == '{"code": "ls"}'
    assert read_completion(completion({"tool_calls": [{"function": {}}]})) is None
    entries = [{"token": "token_id:5", "logprob": -1}]
    call = read_completion(completion({"content": "a"}, logprobs={"content": entries}))
    assert call is not None
    assert (call.token_ids, call.logprobs) == ([5], [-1.0])
    call = read_completion(completion({"content": "a"}, logprobs={"content": [{"no": 1}]}))
    assert call is not None
    assert call.logprobs is None


@pytest.mark.parametrize("trouble", ["drop", "cut", "busy", "broken", "nonsense"])
async def test_what_goes_wrong_now_and_then_is_tried_again(trouble: str) -> None:
    share: dict[str, Any] = {trouble: 0.4}
    async with (
        serve(say("hi"), trouble=Troubles(**share, retry_after=0.01)) as server,
        Model("m", base_url=server.url, retries=12) as model,
    ):
        calls = [await model.ask(HELLO) for _ in range(5)]
        assert {call.text for call in calls} == {"hi"}
        assert server.troubles[trouble] > 0
        assert sum(call.requests for call in calls) == server.requests


async def test_retry_after_is_honoured() -> None:
    busy = Troubles(busy=0.5, retry_after=0.2)
    async with (
        serve(say("hi"), trouble=busy) as server,
        Model("m", base_url=server.url) as model,
    ):
        while not server.troubles["busy"]:
            call = await model.ask(HELLO)
        waits = call.requests - 1
        assert 0.2 * waits <= call.seconds
    long = Troubles(busy=1.0, retry_after=500)
    async with (
        serve(say("hi"), trouble=long) as server,
        Model("m", base_url=server.url) as model,
    ):
        with pytest.raises(PolicyError, match=r"429: .*slow down"):
            await model.ask(HELLO)
        assert server.requests == 1, "it was told to wait longer than it is worth"


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ({"status": 401, "error": {"message": "bad key"}}, Unavailable, "401: .*bad key.*KEY"),
        ({"status": 404, "error": {"message": "no model m"}}, Unavailable, "no model m"),
        ({"status": 400, "error": {"message": "bad temperature"}}, PolicyError, "temperature"),
        (
            {"status": 400, "error": {"message": "m", "code": "context_length_exceeded"}},
            ContextOverflow,
            "too long",
        ),
        (
            {"status": 200, "error": {"message": "prompt is too long: 9 > 5"}},
            ContextOverflow,
            "prompt is too long",
        ),
        ({"status": 200, "error": {"message": "overloaded"}}, PolicyError, "was no completion"),
    ],
)
async def test_what_the_server_refuses(
    answer: dict[str, Any], error: type[Exception], text: str
) -> None:
    async with (
        serve(say(answer)) as server,
        Model("m", base_url=server.url, retries=1) as model,
    ):
        with pytest.raises(error, match=text) as caught:
            await model.ask(HELLO)
        assert caught.type is error


async def test_a_key_that_stops_to_work_fails_the_episode_not_the_run() -> None:
    answered: Iterator[Answer] = iter(["hi", {"status": 401, "error": {"message": "expired"}}])
    async with (
        serve(lambda _: next(answered)) as server,
        Model("m", base_url=server.url) as model,
    ):
        await model.ask(HELLO)
        with pytest.raises(PolicyError, match=r"401: .*expired"):
            await model.ask(HELLO)


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000",
        "the request exceeds the available context size",
        "Input is too long for requested model.",
    ],
)
def test_servers_say_in_many_ways_that_it_is_too_long(text: str) -> None:
    assert is_overflow(400, {"error": {"message": text}})
    assert is_overflow(400, {"message": text})
    assert not is_overflow(429, {"error": {"message": text}})


async def test_a_server_that_is_not_there_ends_the_run() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        async with Model("m", base_url=url, retries=1) as model:
            with pytest.raises(Unavailable, match=r"does not answer.*--base-url"):
                await model.ask(HELLO)


def test_a_model_needs_a_key_or_an_address() -> None:
    with pytest.raises(InputError, match=r"a key in \$OPENAI_API_KEY"):
        Model("m")
    with pytest.raises(InputError, match="must begin with http"):
        Model("m", base_url="localhost:8000")
    with pytest.raises(InputError, match="Name the model"):
        Chat.load("")


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
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
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
