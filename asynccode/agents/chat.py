"""A policy that asks a chat model what its strategy says, until that gives an action."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from asynccode.agents.strategies.base import Strategy
from asynccode.calls import Call, Message
from asynccode.errors import InputError, PolicyError, Unavailable
from asynccode.interfaces import Policy
from asynccode.records import Move, Turn


class Chat(Policy):
    """A chat model with a strategy; serves all episodes of a run at once."""

    def __init__(
        self,
        model: str,
        *,
        strategy: Strategy | str = "try-again",
        base_url: str | None = None,
        api_key: str | None = None,
        sampling: Mapping[str, Any] | None = None,
        retries: int = 8,
        request_seconds: float = 300.0,
        connections: int = 1024,
        prompts: str | None = None,
        hint: bool = False,
        examples: str | Path | None = None,
        refine: int | None = None,
        seed: int = 0,
    ) -> None:
        """Take a model by its server's name for it, and a strategy by name, path or object.

        `base_url` to `connections` are those of `asynccode.agents.model.Model`; `prompts` to
        `refine` go to a strategy that is named. A `seed` other than 0 gives each request one
        of its own, made from it, the task, the attempt and the turn.

        Raises `InputError`, and `Unavailable` without the package `openai`.
        """
        try:
            from asynccode.agents.model import Model
        except ModuleNotFoundError as error:
            raise Unavailable(
                f"Chat policies need a package that is not there: {error.name}",
                "pip install 'asynccode[chat]'",
            ) from error
        if isinstance(strategy, str):
            from asynccode.registry import load_strategy

            options: dict[str, Any] = {"prompts": prompts, "hint": hint, "examples": examples}
            if refine is not None:
                options["refine"] = refine
            strategy = load_strategy(strategy, options)
            assert isinstance(strategy, Strategy)
        self.strategy: Strategy = strategy
        self.seed = seed
        self.model = Model(
            model,
            base_url=base_url,
            api_key=api_key,
            sampling=sampling,
            retries=retries,
            request_seconds=request_seconds,
            connections=connections,
        )

    @classmethod
    def load(cls, model: str = "", **options: Any) -> Chat:
        """Make the policy that `chat:MODEL` names."""
        if not model:
            raise InputError("Name the model: --policy chat:MODEL.")
        return cls(model, **options)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides how it acts: model, sampling, strategy, prompts."""
        return {
            "model": self.model.name,
            "sampling": self.model.sampling,
            **self.strategy.settings,
        }

    async def act(self, turn: Turn) -> Move:
        """Give the next action with the calls that led to it."""
        calls: list[Call] = []
        while True:
            decided = self.strategy.next(turn, calls)
            if isinstance(decided, Move):
                return decided
            messages = [*conversation(turn, calls), *decided.messages]
            try:
                call = await self.model.ask(
                    messages, tools=decided.tools, seed=self._seed(turn, len(calls))
                )
            except PolicyError as error:
                error.calls = tuple(calls)
                raise
            calls.append(evolve(call, messages=decided.messages))

    def _seed(self, turn: Turn, number: int) -> int | None:
        if not self.seed:
            return None
        text = f"{self.seed} {turn.task.id} {turn.attempt} {len(turn.steps)} {number}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF

    async def aclose(self) -> None:
        """Close the model's connections."""
        await self.model.aclose()


def conversation(turn: Turn, calls: Sequence[Call] = ()) -> Iterator[Message]:
    """Give the messages of an episode so far: those of its steps' calls, then of `calls`."""
    for call in [*(call for step in turn.steps for call in step.calls), *calls]:
        yield from call.messages
        yield call.reply
