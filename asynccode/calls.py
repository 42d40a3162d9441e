"""What asking a model took and gave; kept in the steps of an episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

Message = Mapping[str, Any]
"""A message as the chat-completions API has it: `role`, `content`, perhaps `tool_calls`."""


@frozen(kw_only=True)
class Call:
    """One request to a model and its reply.

    The messages and the reply of all calls of an episode, one after the other, are the
    conversation to the letter.
    """

    messages: Sequence[Message] = field(default=(), converter=tuple[Message, ...])
    """What was added to the conversation before the reply."""
    reply: Message = field(factory=dict)
    """The model's message, unchanged."""
    reasoning: str | None = None
    """What the server gave as reasoning beside the reply; it is not sent back."""
    finish_reason: str | None = None
    model: str | None = None
    """The model that the server says replied."""
    tokens_in: int | None = None
    """Tokens of the whole prompt; None if the server does not say."""
    tokens_out: int | None = None
    requests: int = 1
    """Requests made until this reply came; more than one if some failed."""
    seconds: float = 0.0
    """Wall time from the first request to the reply, in seconds."""
    prefix_ids: Sequence[int] | None = None
    """Token ids of the prompt, where the server gives them."""
    token_ids: Sequence[int] | None = None
    """Token ids of the reply, where the server gives them."""
    logprobs: Sequence[float] | None = None
    """Natural log-probability of each token of the reply, where the server gives them."""

    @property
    def text(self) -> str:
        """The reply's text; empty if there is none."""
        content = self.reply.get("content")
        return content if isinstance(content, str) else ""


def tokens_of(calls: Sequence[Call]) -> tuple[int, int]:
    """Give the tokens in and out of calls; what a server does not say counts as none."""
    return sum(call.tokens_in or 0 for call in calls), sum(call.tokens_out or 0 for call in calls)
