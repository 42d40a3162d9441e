"""ReAct (Yao et al., 2022): a thought before each action."""

from __future__ import annotations

from typing import ClassVar

from asynccode.agents.parsing import read_thought
from asynccode.agents.strategies.base import Strategy
from asynccode.records import Action


class React(Strategy):
    """Replies are a thought and an action."""

    name: ClassVar[str] = "react"

    def parse(self, text: str, language: str, *, cut: bool) -> tuple[str | None, Action | None]:
        """Read `Thought: ... Action: ...`."""
        return read_thought(text, language, cut=cut)
