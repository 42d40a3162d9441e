"""What all strategies share: one synchronous decision, made anew from the record each time.

A strategy keeps nothing of an episode: the conversation is in the steps' calls. So one
object serves all episodes, and an episode can be gone on with from its record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from attrs import field, frozen

from asynccode.agents.parsing import read_action
from asynccode.agents.prompts import Prompts
from asynccode.calls import Call, Message
from asynccode.errors import InputError
from asynccode.records import Action, Invalid, Move, Step, Turn


@frozen(kw_only=True)
class Say:
    """Ask the model: what is added to the conversation."""

    messages: Sequence[Message] = field(converter=tuple[Message, ...])
    tools: Sequence[Mapping[str, Any]] = ()


def user(text: str) -> Message:
    """Make a message of the user's."""
    return {"role": "user", "content": text}


class Strategy:
    """A conversation in which each reply is an action; others change parts of it."""

    name: ClassVar[str]

    def __init__(
        self,
        *,
        prompts: str | None = None,
        hint: bool = False,
        examples: str | Path | None = None,
    ) -> None:
        """Take a version or a file of prompts, and whether the environment's hint is told.

        `examples` is a JSON file with a list of messages (`role`, `content`) that stand
        between the system's message and the task. Raises `InputError`.
        """
        self.prompts = Prompts.load(self.name, prompts)
        self.hint = hint
        self.examples = () if examples is None else _read_examples(Path(examples))

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides how it acts, for the manifest."""
        return {
            "strategy": self.name,
            "prompts": self.prompts.source,
            "prompts_sha256": self.prompts.digest,
            "hint": self.hint,
            "examples": list(self.examples),
        }

    def next(self, turn: Turn, calls: Sequence[Call]) -> Say | Move:
        """Say what to ask next, or what to do; `calls` were made in this turn already."""
        if calls:
            return self.read(turn, calls)
        return Say(messages=self.ask(turn))

    def ask(self, turn: Turn) -> Sequence[Message]:
        """Give what is added to the conversation at the beginning of a turn."""
        steps = turn.steps
        spoken = max((n for n, step in enumerate(steps) if step.calls), default=-1)
        messages = list(self.opening(turn)) if spoken < 0 else []
        # What was done since by others than the model stands in the conversation as its own.
        for number, step in enumerate(steps[max(spoken, 0) :], max(spoken, 0)):
            if number != spoken:
                messages.append({"role": "assistant", "content": step.action})
            messages.append(self.observed(turn, step))
        return messages

    def opening(self, turn: Turn) -> Sequence[Message]:
        """Give how a conversation begins: rules, examples, task, and the hint if it is told."""
        task = "hint" if self.hint and turn.brief.hint else "task"
        return [
            {"role": "system", "content": self.prompts.fill("system", turn)},
            *self.examples,
            user(self.prompts.fill(task, turn)),
        ]

    def observed(self, turn: Turn, step: Step) -> Message:
        """Give what a step did, as the model is told."""
        if step.kind == "invalid":
            return user(step.seen)
        if not step.seen.strip():
            return user(self.prompts.fill("empty", turn))
        return user(self.prompts.fill("observation", turn, observation=step.seen))

    def read(self, turn: Turn, calls: Sequence[Call]) -> Say | Move:
        """Give the action of the last reply."""
        call = calls[-1]
        cut = call.finish_reason == "length"
        thought, action = self.parse(call.text, turn.brief.language, cut=cut)
        if action is None:
            return self.invalid(turn, calls, "cut" if cut else "retry")
        return Move(action=action, thought=thought or call.reasoning, calls=calls)

    def parse(self, text: str, language: str, *, cut: bool) -> tuple[str | None, Action | None]:
        """Give the thought and the action of a reply, None for what is not there."""
        return None, read_action(text, language, cut=cut)

    def invalid(self, turn: Turn, calls: Sequence[Call], why: str) -> Move:
        """Give the step of a reply that cannot be read."""
        message = self.prompts.fill(why, turn, text="")
        return Move(action=Invalid(text=calls[-1].text, message=message), calls=calls)


def _read_examples(path: Path) -> tuple[Message, ...]:
    try:
        messages = json.loads(path.read_bytes())
        ok = isinstance(messages, list) and all(
            isinstance(m, dict) and isinstance(m.get("role"), str) and "content" in m
            for m in messages
        )
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read the examples {path}: {error}.") from error
    if not ok:
        raise InputError(f"The examples {path} must be a list of messages with role and content.")
    return tuple(messages)
