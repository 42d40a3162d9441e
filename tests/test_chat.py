"""A chat model over the wire: what is kept, what is retried, what is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from asynccode.agents.chat import Chat
from asynccode.agents.completions import is_overflow, read_completion
from asynccode.agents.model import Model
from asynccode.errors import ContextOverflow, InputError, PolicyError, Unavailable
from asynccode.testing.chat_answers import Answer
from asynccode.testing.chat_server import NONSENSE, Troubles, serve
from tests.chat_world import HELLO, no_key, say

__all__ = ["no_key"]
pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_leaks", "no_key")]


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
