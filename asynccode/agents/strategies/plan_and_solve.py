"""Plan and solve (Wang et al., 2023): a plan, its steps one by one, and then refinement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from asynccode.agents.strategies.base import Say, Strategy, user
from asynccode.calls import Call, Message
from asynccode.errors import InputError
from asynccode.records import Move, Submit, Turn


class PlanAndSolve(Strategy):
    """Asks for a plan, then for its actions; a submission may be refined a few turns more."""

    name: ClassVar[str] = "plan-and-solve"

    def __init__(
        self,
        *,
        prompts: str | None = None,
        hint: bool = False,
        examples: str | Path | None = None,
        refine: int = 0,
    ) -> None:
        """Take what all strategies take, and how many replies may refine what was done."""
        super().__init__(prompts=prompts, hint=hint, examples=examples)
        if refine < 0:
            raise InputError(f"The turns of refinement must be at least 0, not {refine}.")
        self.refine = refine

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides how it acts."""
        return {**super().settings, "refine": self.refine}

    def opening(self, turn: Turn) -> Sequence[Message]:
        """Begin with the request for a plan."""
        return [*super().opening(turn), user(self.prompts.fill("plan", turn))]

    def next(self, turn: Turn, calls: Sequence[Call]) -> Say | Move:
        """Plan, carry out, refine, submit."""
        refined = self._refined(turn, calls)
        if not calls and refined >= self.refine > 0:
            return Move(action=Submit())
        planned = any(step.calls for step in turn.steps)
        if len(calls) == 1 and not planned:
            return Say(messages=[user(self.prompts.fill("execute", turn))])
        decided = super().next(turn, calls)
        done = isinstance(decided, Move) and isinstance(decided.action, Submit)
        if done and self.refine > 0 and refined == 0:
            return Say(messages=[user(self.prompts.fill("refine", turn))])
        return decided

    def _refined(self, turn: Turn, calls: Sequence[Call]) -> int:
        """Count the replies since refinement was asked for."""
        text = self.prompts.fill("refine", turn)
        said = [call for step in turn.steps for call in step.calls] + list(calls)
        for number, call in enumerate(said):
            if any(message.get("content") == text for message in call.messages):
                return len(said) - number
        return 0
