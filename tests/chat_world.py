"""What tests of chat models share: no key of whoever runs them, and a model that says one thing."""

from __future__ import annotations

import pytest

from asynccode.testing.chat_answers import Answer, Recorded

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def say(answer: Answer) -> Recorded:
    return Recorded({}, after=answer)
