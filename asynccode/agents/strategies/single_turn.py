"""Single turn: one reply, one action, and what it leaves is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from asynccode.agents.strategies.base import Say, Strategy
from asynccode.calls import Call
from asynccode.records import Move, Submit, Turn


class SingleTurn(Strategy):
    """Asks once, runs what it gets, and submits."""

    name: ClassVar[str] = "single-turn"

    def next(self, turn: Turn, calls: Sequence[Call]) -> Say | Move:
        """Submit after the one reply, readable or not."""
        return Move(action=Submit()) if turn.steps else super().next(turn, calls)
