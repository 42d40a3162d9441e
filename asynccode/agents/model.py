"""A chat model behind an OpenAI-compatible server, through the official client."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import openai
from attrs import evolve

from asynccode.agents.completions import is_overflow, read_completion
from asynccode.agents.connections import Connections
from asynccode.calls import Call, Message
from asynccode.errors import ContextOverflow, InputError, PolicyError, Unavailable
from asynccode.scope import Scope

CLOSE_SECONDS = 15.0
AT_ONCE = 4
"""Requests prepared in one turn of the event loop, about a millisecond each."""
REFUSED = (401, 403, 404)
"""Statuses that a wrong key, model or address gives."""


class Model(Scope):
    """One model; serves all conversations of a run over one pool of connections."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        sampling: Mapping[str, Any] | None = None,
        retries: int = 8,
        request_seconds: float = 300.0,
        connections: int = 1024,
    ) -> None:
        """Take the model's name as the server knows it.

        `base_url` and `api_key` default to `$OPENAI_BASE_URL` and `$OPENAI_API_KEY`; a server
        of one's own needs no key. `sampling` goes into each request as it is (`temperature`,
        `logprobs`, what the server knows). `retries` is for 408, 409, 429, 5xx, broken
        connections and answers that are none; `request_seconds` is for one request.

        Raises `InputError` without a key for OpenAI's own server or for an address that is none.
        """
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        api_key = api_key or os.environ.get("OPENAI_API_KEY") or None
        if api_key is None and base_url is None:
            raise InputError(
                "A chat policy needs a key in $OPENAI_API_KEY, or the address of a server of your"
                " own in --base-url or $OPENAI_BASE_URL."
            )
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise InputError(f"The base URL {base_url!r} must begin with http:// or https://.")
        self.name = name
        self.sampling = dict(sampling or {})
        self.retries = retries
        self.answered = 0
        """Requests that were answered with a completion."""
        self.connections = Connections(connections)
        timeout = httpx2.Timeout(request_seconds, connect=min(30.0, request_seconds))
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=retries,
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpxClient(transport=self.connections, timeout=timeout),
        )
        # A few requests are prepared in each turn of the event loop, so that a thousand
        # conversations that go on at once do not keep it from all else.
        self._door = anyio.Semaphore(AT_ONCE)

    @property
    def base_url(self) -> str:
        """The address of the server."""
        return str(self._client.base_url)

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        seed: int | None = None,
    ) -> Call:
        """Send a conversation and give the reply, `Call.messages` left empty.

        Raises `ContextOverflow`, `PolicyError` when the retries are used up or the server
        refuses, and `Unavailable` if it refuses key, model or address, or cannot be reached,
        before it ever answered.
        """
        body = {"model": self.name, "messages": messages, **self.sampling}
        if tools:
            body["tools"] = tools
        if seed is not None:
            body["seed"] = seed
        began, requests = perf_counter(), 0
        for attempt in range(self.retries + 1):
            response = await self._post(body)
            requests += 1 + int(response.request.headers.get("x-stainless-retry-count", 0))
            call = read_completion(response.content)
            if call is not None:
                self.answered += 1
                return evolve(call, requests=requests, seconds=perf_counter() - began)
            if _is_error(response) and is_overflow(400, response.json()):
                raise ContextOverflow(_short(response.text))
            if attempt < self.retries:
                await anyio.sleep(min(0.1 * 2**attempt, 8.0))
        raise PolicyError(
            f"The model server's answer was no completion, {requests} times; the last began"
            f" {response.content[:60]!r}."
        )

    async def _post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """Send one request with the client's own retries."""
        async with self._door:
            await anyio.lowlevel.checkpoint()
        try:
            # As plain JSON: the typed call walks through all messages and costs twice as much.
            return await self._client.post("/chat/completions", cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            raise self._refusal(error) from error
        except openai.APIConnectionError as error:
            said = _short(str(error.__cause__ or error)) or type(error.__cause__).__name__
            text = f"The model server at {self.base_url} does not answer: {said}."
            if not self.answered:
                raise Unavailable(text, "start it, or name another with --base-url") from error
            raise PolicyError(text) from error
        except openai.OpenAIError as error:
            raise PolicyError(f"The request to the model failed: {_short(str(error))}") from error

    def _refusal(self, error: openai.APIStatusError) -> Exception:
        said = _short(error.message)
        if is_overflow(error.status_code, error.body):
            return ContextOverflow(f"The conversation is too long for the model: {said}")
        text = f"The model server answered {error.status_code}: {said}"
        if error.status_code in REFUSED and not self.answered:
            remedy = "look at $OPENAI_API_KEY, --base-url and the model's name"
            return Unavailable(text, remedy)
        return PolicyError(text)

    async def aclose(self) -> None:
        """Close the pool of connections."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await self._client.close()


def _is_error(response: httpx2.Response) -> bool:
    """Whether a body of status 200 is an error all the same, as some gateways send it."""
    return response.content.lstrip().startswith(b'{"error"') and response.content.rstrip().endswith(
        b"}"
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:297] + "..."
