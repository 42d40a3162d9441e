"""What a chat-completions server sends, read with suspicion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from asynccode.calls import Call

OVERFLOW_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"}
)
OVERFLOW_WORDS = (
    "maximum context length",
    "context length exceeded",
    "exceeds the context",
    "exceed the context",
    "exceeds the available context",
    "context window",
    "longer than the model's context",
    "prompt is too long",
    "input is too long",
    "maximum prompt length",
    "max_model_len",
    "too many input tokens",
)
"""How servers (OpenAI, vLLM, SGLang, llama.cpp, TGI, gateways) say that it is too long."""


def is_overflow(status: int, body: object) -> bool:
    """Say whether an error's status and body mean that the conversation is too long."""
    if status == 413:
        return True
    if status not in (400, 422, 500):
        return False
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping) and OVERFLOW_CODES & {error.get("code"), error.get("type")}:
        return True
    text = str(error).lower()
    return any(words in text for words in OVERFLOW_WORDS)


def read_completion(body: bytes) -> Call | None:
    """Read a completion; None if it is none, whatever its status was."""
    try:
        whole = json.loads(body)
        choice = whole["choices"][0]
        sent = choice["message"]
        reply = _message(sent)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if reply is None:
        return None
    usage = whole.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    token_ids, logprobs = _tokens(choice)
    return Call(
        reply=reply,
        reasoning=_text(sent.get("reasoning_content")) or _text(sent.get("reasoning")),
        finish_reason=_text(choice.get("finish_reason")),
        model=_text(whole.get("model")),
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        prefix_ids=_ids(whole.get("prompt_token_ids")) or _ids(choice.get("prompt_token_ids")),
        token_ids=_ids(choice.get("token_ids")) or token_ids,
        logprobs=logprobs,
    )


def _message(sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keep of a message what is part of the conversation; None if there is nothing."""
    content = sent.get("content")
    if isinstance(content, list):  # in parts
        content = "".join(_text(part.get("text")) or "" for part in content)
    calls = [_tool_call(call) for call in sent.get("tool_calls") or ()]
    if content is None and isinstance(sent.get("refusal"), str):
        content = sent["refusal"]
    if not isinstance(content, str):
        content = None
        reasons = (sent.get("reasoning_content"), sent.get("reasoning"))
        if not calls and not any(isinstance(reason, str) for reason in reasons):
            return None
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content or ("" if not calls else content),
    }
    return message | ({"tool_calls": calls} if calls else {})


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function.get("arguments") or "{}"
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments)
    if not isinstance(function["name"], str):
        raise TypeError("a tool without a name")
    return {
        "id": str(call.get("id") or "call"),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _tokens(choice: Mapping[str, Any]) -> tuple[Sequence[int] | None, Sequence[float] | None]:
    """Give the ids, where tokens are written as `token_id:N`, and the log-probabilities."""
    try:
        entries = (choice.get("logprobs") or {}).get("content")
        if not entries:
            return None, None
        logprobs = [float(entry["logprob"]) for entry in entries]
        words = [str(entry.get("token", "")) for entry in entries]
    except (LookupError, TypeError, ValueError, AttributeError):
        return None, None
    if all(word.startswith("token_id:") for word in words):
        return _ids([_number(word.removeprefix("token_id:")) for word in words]), logprobs
    return None, logprobs


def _ids(value: object) -> Sequence[int] | None:
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        return value
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
