"""What a chat server answers: recorded answers, made into completions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Answer = str | Mapping[str, Any]
"""The text of a reply, or a whole message of the API (`content`, `tool_calls`)."""
Answering = Callable[[Mapping[str, Any]], Answer]
"""Gives the answer to the body of a request."""


class Recorded:
    """Plays recorded answers back, found by the query that the conversation holds.

    The answer is the one after those that the conversation shows already, so asking twice
    gives the same. A conversation without a known query, or at the end of its answers, gets
    `after`.
    """

    def __init__(
        self, answers: Mapping[str, Sequence[Answer]], *, after: Answer = "submit"
    ) -> None:
        # The longest first: a query may be the beginning of another.
        self.answers = dict(sorted(answers.items(), key=lambda item: -len(item[0])))
        self.after = after

    def __call__(self, request: Mapping[str, Any]) -> Answer:
        """Give the next answer of the conversation."""
        messages = request["messages"]
        asked = [text_of(m) for m in messages if m["role"] == "user"]
        for query, answers in self.answers.items():
            if any(query in text for text in asked):
                given = [_said(m) for m in messages if m["role"] == "assistant"]
                number = sum(said in [_said(_message(a)) for a in answers] for said in given)
                return answers[number] if number < len(answers) else self.after
        return self.after


def completion(answer: Answer, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make the body of a completion; words stand for tokens in its usage.

    An answer's `finish_reason`, `usage`, `logprobs` and `token_ids` are taken as they are.
    """
    message = _message(answer)
    extra = answer if isinstance(answer, Mapping) else {}
    tokens_in = sum(len(text_of(m).split()) for m in request["messages"])
    tokens_out = len(text_of(message).split())
    why = "tool_calls" if message.get("tool_calls") else "stop"
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "finish_reason": extra.get("finish_reason", why),
    }
    choice |= {key: extra[key] for key in ("logprobs", "token_ids") if key in extra}
    usage = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }
    whole = {
        "id": "chatcmpl-recorded",
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model", "recorded"),
        "choices": [choice],
        "usage": extra.get("usage", usage),
    }
    return whole | {key: extra[key] for key in ("prompt_token_ids",) if key in extra}


def text_of(message: Mapping[str, Any]) -> str:
    """Give a message's text; empty if it has none."""
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _message(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"role": "assistant", "content": answer}
    kept = ("content", "tool_calls", "reasoning_content", "refusal")
    return {"role": "assistant", "content": None} | {k: answer[k] for k in kept if k in answer}


def _said(message: Mapping[str, Any]) -> tuple[str, str]:
    calls = [call.get("function") for call in message.get("tool_calls") or ()]
    return text_of(message), json.dumps(calls, sort_keys=True)
