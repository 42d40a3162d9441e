"""Tool calls: the model calls `run` and `submit` as native functions of the API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from asynccode.agents.strategies.base import Say, Strategy
from asynccode.calls import Call, Message
from asynccode.records import Action, Invalid, Move, Step, Submit, Turn


class Tools(Strategy):
    """Actions are tool calls; those of one reply are carried out one after the other."""

    name: ClassVar[str] = "tools"

    def next(self, turn: Turn, calls: Sequence[Call]) -> Say | Move:
        """Carry out what the last reply still asks for, or ask."""
        if calls:
            wanted = _wanted(calls[-1])
            if not wanted:
                message = self.prompts.fill("retry", turn, text="You called no tool.")
                return Move(action=Invalid(text=calls[-1].text, message=message), calls=calls)
            said = calls[-1].text.strip() or calls[-1].reasoning
            return Move(action=self._action(turn, wanted[0]), thought=said, calls=calls)
        made, done = _last(turn.steps)
        if made is not None and len(done) < len(wanted := _wanted(made)):
            return Move(action=self._action(turn, wanted[len(done)]))
        return Say(messages=self.ask(turn), tools=self._tools(turn))

    def ask(self, turn: Turn) -> Sequence[Message]:
        """Answer each call of the last reply with what it did."""
        made, done = _last(turn.steps)
        if made is None:
            return super().ask(turn)
        wanted = _wanted(made)
        answers = [
            {
                "role": "tool",
                "tool_call_id": call["id"],
                "content": self.observed(turn, step)["content"],
            }
            for call, step in zip(wanted, done, strict=False)
        ]
        others = [self.observed(turn, step) for step in done[len(wanted) :]]
        return [*answers, *others]

    def _tools(self, turn: Turn) -> Sequence[Mapping[str, Any]]:
        text = {name: self.prompts.fill(name, turn) for name in ("run", "code", "submit", "answer")}
        run = {"code": {"type": "string", "description": text["code"]}}
        submit = {"answer": {"type": "string", "description": text["answer"]}}
        return [
            _function("run", text["run"], run, ["code"]),
            _function("submit", text["submit"], submit, []),
        ]

    def _action(self, turn: Turn, call: Mapping[str, Any]) -> Action | Invalid:
        """Read one call of a tool."""
        name, text = call["function"]["name"], call["function"]["arguments"]
        try:
            arguments = json.loads(text or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            wrong = "The arguments are not a JSON object."
        elif name == "submit":
            answer = arguments.get("answer")
            return Submit(answer=None if answer is None else str(answer))
        elif name != "run":
            wrong = f"There is no tool {name!r}."
        elif isinstance(arguments.get("code"), str):
            return str(arguments["code"])
        else:
            wrong = "`run` needs its code, a string."
        message = self.prompts.fill("retry", turn, text=wrong)
        return Invalid(text=f"{name}({text})", message=message)


def _wanted(call: Call) -> Sequence[Mapping[str, Any]]:
    return call.reply.get("tool_calls") or ()


def _last(steps: Sequence[Step]) -> tuple[Call | None, Sequence[Step]]:
    """Give the last reply and the steps that came of it."""
    for number in range(len(steps) - 1, -1, -1):
        if steps[number].calls:
            return steps[number].calls[-1], steps[number:]
    return None, ()


def _function(
    name: str, text: str, properties: Mapping[str, Any], required: Sequence[str]
) -> Mapping[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {
        "type": "function",
        "function": {"name": name, "description": text, "parameters": parameters},
    }
