"""Try again: an action in each reply until the model submits or the reward it is shown is 1."""

from __future__ import annotations

from typing import ClassVar

from asynccode.agents.strategies.base import Strategy


class TryAgain(Strategy):
    """The plain conversation."""

    name: ClassVar[str] = "try-again"
