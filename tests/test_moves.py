"""A policy that gives what no policy gives has failed in that episode, and is told what it gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

import asynccode
from asynccode.calls import Call
from asynccode.errors import ContextOverflow, PolicyError
from asynccode.interfaces import Environment, Policy, Worlds
from asynccode.lines import dump_line, episode_record
from asynccode.policies import Gold
from asynccode.records import Action, Episode, Invalid, Move, StepResult, StopReason, Submit, Turn
from asynccode.records import Task as TaskRecord
from asynccode.testing.fakes import FakeBackend, FakeEnvironment, FakeSuite

pytestmark = pytest.mark.anyio


class Mute(str):
    """Text that cannot be said."""

    __slots__ = ()

    def __str__(self) -> str:
        raise ZeroDivisionError("no text of mine")


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError("no text of mine")


class MuteSubmit(Submit):
    def __str__(self) -> str:
        raise ZeroDivisionError("no text of mine")


class Gives(Policy):
    """Gives, or raises, one thing in every first turn of the second task, and is right else."""

    def __init__(self, given: Any) -> None:
        self.given = given

    async def act(self, turn: Turn) -> Any:
        if turn.task.id == "t1" and not turn.steps:
            if isinstance(self.given, Exception):
                raise self.given
            return self.given
        return Submit() if turn.steps else turn.task.gold[0]


async def second(policy: Policy, suite: FakeSuite | None = None) -> Episode:
    """Play three tasks, of which the others are solved; give the episode of the second."""
    with anyio.fail_after(10):
        async with asynccode.rollout(suite or FakeSuite(3), policy, backend=FakeBackend()) as run:
            episodes = {episode.task_id: episode async for episode in run}
    assert episodes["t0"].solved
    assert episodes["t2"].solved
    for episode in episodes.values():
        assert dump_line(episode_record(episode))
    return episodes["t1"]


CIRCLE: dict[str, Any] = {}
CIRCLE["itself"] = CIRCLE


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "The policy gave a NoneType, not a str, Submit or Skip."),
        (b"ls", "The policy gave a bytes, not a str, Submit or Skip."),
        (Move(action=7), "The policy gave a int, not a str, Submit or Skip."),  # type: ignore[arg-type]
        (Submit(answer=5), "a Submit whose answer is a int, not a str."),  # type: ignore[arg-type]
        (MuteSubmit(), "ZeroDivisionError: no text of mine"),
        (Invalid(text=b"", message=""), "an Invalid whose text is a bytes"),  # type: ignore[arg-type]
        (Invalid(text="", message=None), "an Invalid whose message is a NoneType"),  # type: ignore[arg-type]
        (Move(action="ls", thought=5), "a thought that is a int, not a str."),  # type: ignore[arg-type]
        (Move(action="ls", calls=[object()]), "a object among its calls, no Call."),  # type: ignore[list-item]
        (Move(action="ls", calls="ls"), "a str among its calls"),  # type: ignore[arg-type]
        (Call(tokens_in="5"), "The policy gave a Call, not a str"),  # type: ignore[arg-type]
    ],
)
async def test_what_is_no_action_is_named(given: object, told: str) -> None:
    episode = await second(Gives(given))
    assert episode.stop_reason is StopReason.POLICY_ERROR
    assert episode.reward is None
    assert told in (episode.error or "")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("tokens_in", "5", "a call with a str as its tokens_in."),
        ("tokens_out", 1.5, "a call with a float as its tokens_out."),
        ("requests", None, "a call with a NoneType as its requests."),
        ("reply", "hello", "a call with a str as its reply."),
        ("reply", {"content": Unsayable()}, "whose messages or reply are no JSON"),
        ("reply", {(1, 2): "x"}, "whose messages or reply are no JSON"),
        ("reply", CIRCLE, "whose messages or reply are no JSON"),
        ("messages", ["hello"], "a call with a str among its messages."),
        ("token_ids", 7, "a call with a int as its token_ids."),
        ("logprobs", ["x"], "a call with a str among its logprobs."),
        ("model", 7, "a call with a int as its model."),
        ("seconds", "1", "a call with a str as its seconds."),
    ],
)
async def test_what_is_no_call_is_named(field: str, value: object, told: str) -> None:
    values: dict[str, Any] = {field: value}
    episode = await second(Gives(Move(action="echo 1", calls=[Call(**values)])))
    assert episode.stop_reason is StopReason.POLICY_ERROR
    assert told in (episode.error or "")


async def test_calls_of_all_kinds_are_kept_as_they_were() -> None:
    call = Call(
        messages=[{"role": "user", "content": "go on"}],
        reply={"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]},
        tokens_in=3,
        token_ids=[1, 2],
        logprobs=(-0.5, float("-inf")),
        seconds=1,
    )
    episode = await second(Gives(Move(action="echo 1", thought="so", calls=[call])))
    assert episode.solved
    assert episode.steps[0].calls == (call,)
    assert episode.steps[0].thought == "so"


@pytest.mark.parametrize("move", [Mute("echo 1"), Move(action=Mute("echo 1"), thought=Mute("so"))])
async def test_text_is_its_characters_whatever_its_class_makes_of_them(move: object) -> None:
    episode = await second(Gives(move))
    assert episode.solved
    assert episode.steps[0].action == "echo 1"
    assert type(episode.steps[0].action) is str


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unsayable(), "Unsayable"),
        (RuntimeError(Mute("x")), "RuntimeError"),
        (PolicyError("no idea", calls=[object()]), "no idea"),  # type: ignore[list-item]
        (PolicyError("no idea", calls=5), "no idea"),  # type: ignore[arg-type]
    ],
)
async def test_an_error_that_is_itself_broken_is_told_as_far_as_it_can_be(
    error: Exception, told: str
) -> None:
    episode = await second(Gives(error))
    assert episode.stop_reason is StopReason.POLICY_ERROR
    assert episode.error == told
    assert episode.tokens_in == 0


async def test_a_conversation_that_is_too_long_is_scored_though_its_calls_are_none() -> None:
    episode = await second(Gives(ContextOverflow("too long", calls=[3])))  # type: ignore[list-item]
    assert episode.stop_reason is StopReason.CONTEXT_OVERFLOW
    assert episode.reward == 0.0


async def test_a_reward_that_is_no_number_is_a_harness_error() -> None:
    class Generous(FakeEnvironment):
        async def step(self, action: Action) -> StepResult:
            result = await super().step(action)
            if self._task.id == "t1":
                return result._replace(reward="much", terminated=False)  # type: ignore[arg-type]
            return result

    class GenerousSuite(FakeSuite):
        def environment(self, task: TaskRecord, worlds: Worlds) -> Environment:
            return Generous(task, worlds, self.limits)

    episode = await second(Gold(), GenerousSuite(3))
    assert episode.stop_reason is StopReason.HARNESS_ERROR
    assert episode.reward is None
    assert "'much'" in (episode.error or "")


def test_keys_that_json_does_not_know_are_written_as_text() -> None:
    assert dump_line({"parts": {(1, 2): Path("a")}}) == b'{"parts": {"(1, 2)": "a"}}\n'
