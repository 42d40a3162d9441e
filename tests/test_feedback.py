from __future__ import annotations

import json
from pathlib import Path

import pytest

import asynccode
from asynccode.budget import Budget
from asynccode.cli import main
from asynccode.episode import play
from asynccode.errors import ContextOverflow, InputError, PolicyError, Unavailable
from asynccode.feedback import Feedback, shown
from asynccode.interfaces import Environment, Policy, Worlds
from asynccode.lines import dump_line, episode_record
from asynccode.policies import Replay, Scripted
from asynccode.records import (
    Action,
    Brief,
    Episode,
    Invalid,
    Move,
    StepResult,
    StopReason,
    Submit,
    Task,
    Turn,
)
from asynccode.testing.fakes import FakeBackend, FakeEnvironment, FakeSuite

pytestmark = pytest.mark.anyio

PARTS = {"valid": True, "reward_parts": {"answer": 0.5, "changes": 2}, "feedback": "test 2 failed"}


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("none", ""),
        ("executed", "[executed]"),
        ("hidden", "out"),
        ("shown", "out\n[reward 0.5]"),
        ("full", "out\n[reward 0.5]\n[answer 0.5, changes 2]\ntest 2 failed"),
    ],
)
def test_each_level_tells_more(level: str, text: str) -> None:
    assert shown(Feedback(level), "out", 0.5, PARTS) == text


def test_what_did_not_run_is_said_to_be_so() -> None:
    assert shown(Feedback.EXECUTED, "out", None, {"valid": False}) == "[not executed]"
    assert shown(Feedback.FULL, "", 0.0, {"valid": False}) == "[reward 0]\n[not executed]"
    assert shown(Feedback.SHOWN, "out", None, {}) == "out"


class Watching(Policy):
    """Plays a script and keeps what it is shown."""

    def __init__(self, *moves: Action | Invalid | Move) -> None:
        self.moves = moves
        self.seen: list[str] = []
        self.turns: list[Turn] = []

    async def act(self, turn: Turn) -> Action | Invalid | Move:
        self.seen.append(turn.observation)
        self.turns.append(turn)
        return self.moves[len(turn.steps)] if len(turn.steps) < len(self.moves) else Submit()


async def run(
    policy: Policy,
    *,
    suite: FakeSuite | None = None,
    feedback: Feedback = Feedback.HIDDEN,
    budget: Budget | None = None,
    max_turns: int = 10,
) -> Episode:
    suite = suite or FakeSuite(4)
    return await play(
        suite.tasks[3],
        suite=suite,
        backend="fake",
        policy=policy,
        worlds=FakeBackend(),
        feedback=feedback,
        budget=budget,
        max_turns=max_turns,
    )


async def test_the_policy_sees_its_level_and_the_record_keeps_both() -> None:
    policy = Watching("echo 1", "echo 2")
    made = await run(policy, feedback=Feedback.EXECUTED)
    assert policy.seen == ["Print 3.", "[executed]", "[executed]"]
    assert [step.observation for step in made.steps[:2]] == ["1\n", "2\n"]
    assert [step.shown for step in made.steps] == ["[executed]", "[executed]", None]
    assert policy.turns[1].steps[0].seen == "[executed]"


async def test_a_shown_reward_of_one_ends_the_episode_as_solved() -> None:
    policy = Watching("echo 1", "echo 3", "echo 4")
    made = await run(policy, feedback=Feedback.SHOWN)
    assert policy.seen == ["Print 3.", "1\n[reward 0]"]
    assert [step.reward for step in made.steps] == [0.0, 1.0]
    assert made.stop_reason is StopReason.SOLVED
    assert made.reward == 1.0
    assert made.reward_parts == {"answer": 1.0, "changes": 0}


async def test_full_feedback_tells_the_parts() -> None:
    policy = Watching("echo 1")
    await run(policy, feedback=Feedback.FULL)
    assert policy.seen[1] == "1\n[reward 0]\n[answer 0, changes 0]"


async def test_what_cannot_be_read_is_an_invalid_step_with_a_message() -> None:
    policy = Watching(Invalid(text="I would rather not", message="Write code."), "echo 3")
    made = await run(policy, feedback=Feedback.EXECUTED)
    assert policy.seen == ["Print 3.", "Write code.", "[executed]"]
    step = made.steps[0]
    assert (step.action, step.observation) == ("I would rather not", "Write code.")
    assert (step.outcome, step.valid, step.kind) == ("invalid", False, "invalid")
    assert made.reward == 1.0


class Guessing(FakeEnvironment):
    """A wrong submission is not the end."""

    async def step(self, action: Action) -> StepResult:
        result = await super().step(action)
        if isinstance(action, Submit) and result.reward == 0.0 and action.answer is not None:
            return StepResult("wrong", 0.0, False, False, {"valid": True, "price": 2.0})
        return result

    def brief(self) -> Brief:
        return Brief(language="fake", hint="it is a number")


class GuessingSuite(FakeSuite):
    def environment(self, task: Task, worlds: Worlds) -> Environment:
        return Guessing(task, worlds, self.limits)


GUESSES = (Submit(answer="1"), "echo 0", Submit(answer="2"), Submit(answer="3"))


async def test_a_wrong_guess_goes_on_where_the_environment_lets_it() -> None:
    policy = Watching(*GUESSES)
    made = await run(policy, suite=GuessingSuite(4))
    assert policy.seen[1] == "wrong"
    assert made.stop_reason is StopReason.SUBMITTED
    assert [step.kind for step in made.steps] == ["submit", "code", "submit", "submit"]
    assert policy.turns[0].brief == Brief(language="fake", hint="it is a number")


@pytest.mark.parametrize(
    ("budget", "steps", "reason"),
    [
        (Budget(guesses=2), 3, "guess_limit"),
        (Budget(calls=1), 2, "max_calls"),
        (Budget(price=4.0), 3, "max_price"),
        (Budget(price=3.0, prices={"echo": 1.0}), 2, "max_price"),
        (Budget(tokens=10), 4, "submitted"),
    ],
)
async def test_a_budget_that_is_spent_ends_the_episode_scored(
    budget: Budget, steps: int, reason: str
) -> None:
    made = await run(Watching(*GUESSES), suite=GuessingSuite(4), budget=budget)
    assert len(made.steps) == steps
    assert made.stop_reason == reason
    assert made.reward is not None


async def test_tokens_are_counted_and_may_be_limited() -> None:
    call = asynccode.Call(tokens_in=5, tokens_out=2)
    moves = [Move(action="echo 3", calls=[call, call]), Move(action="echo 4", calls=[call])]
    made = await run(Watching(*moves))
    assert (made.tokens_in, made.tokens_out) == (15, 6)
    made = await run(Watching(*moves), budget=Budget(tokens=14))
    assert made.stop_reason is StopReason.MAX_TOKENS
    assert (len(made.steps), made.reward, made.tokens_in) == (1, 1.0, 10)


def test_prices_are_by_the_first_word_or_the_kind() -> None:
    budget = Budget(prices={"rm": 3, "submit": 1, "*": 0.5})
    actions: list[Action | Invalid] = [
        "rm x",
        " rm",
        "ls",
        "",
        Submit(),
        Invalid(text="rm", message=""),
    ]
    assert [budget.price_of(action) for action in actions] == [3, 3, 0.5, 0.5, 1, 0.5]
    assert Budget(price=1).price_of("ls") == 0.0


class Failing(Policy):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def act(self, turn: Turn) -> Action:
        if turn.steps:
            raise self.error
        return "echo 3"


async def test_a_context_that_overflows_ends_the_episode_scored() -> None:
    call = asynccode.Call(tokens_in=9)
    made = await run(Failing(ContextOverflow("too long", calls=[call])))
    assert made.stop_reason is StopReason.CONTEXT_OVERFLOW
    assert (made.reward, made.error, made.tokens_in) == (1.0, "too long", 9)
    made = await run(Failing(PolicyError("gone", calls=[call])))
    assert made.stop_reason is StopReason.POLICY_ERROR
    assert (made.reward, made.tokens_in) == (None, 9)


async def test_a_policy_that_can_never_act_ends_the_run() -> None:
    with pytest.raises(Unavailable, match="no such model"):
        await run(Failing(Unavailable("no such model")))


async def test_a_run_with_all_kinds_of_steps_replays_to_the_same(tmp_path: Path) -> None:
    moves: list[Action | Invalid] = [
        Submit(answer="1"),
        Invalid(text="submit", message="no"),
        "submit",
        "echo 0",
    ]
    first = await run(Watching(*moves), suite=GuessingSuite(4))
    (tmp_path / "episodes.jsonl").write_bytes(dump_line(episode_record(first)))
    again = await run(Replay.load(str(tmp_path)), suite=GuessingSuite(4))
    for was, now in zip(first.steps, again.steps, strict=True):
        assert (was.action, was.kind, was.seen) == (now.action, now.kind, now.seen)


async def test_feedback_that_is_not_there_is_one_clear_sentence() -> None:
    with pytest.raises(InputError, match="There is no feedback 'loud': there are none, executed"):
        async with asynccode.rollout(
            FakeSuite(1), Scripted(), backend=FakeBackend(), feedback="loud"
        ):
            pass


def test_the_command_line_records_feedback_and_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "asynccode.testing.fakes:FakeSuite", "--json", "--output", str(tmp_path / "a")]
    words += ["--backend", "asynccode.testing.fakes:FakeBackend", "--limit", "2"]
    told = ["--feedback", "shown", "--max-calls", "3", "--price", "echo=2", "--max-price", "9"]
    assert main([*words, *told]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["stop_reasons"] == {"solved": 2}
    assert summary["tokens_in"] == 0
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["feedback"] == "shown"
    assert manifest["budget"]["prices"] == {"echo": 2.0}
    assert main(words) == 2
    assert 'feedback was "shown", now "hidden"' in json.loads(capsys.readouterr().out)["error"]
    assert main(["replay", *words[3:5][1:], *words[5:7], "--suite", words[1], "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert (replayed["same_reward"], replayed["same_observation"]) == (1.0, 1.0)
    assert main([*words, "--price", "x"]) == 2
    assert "must be WORD=PRICE" in json.loads(capsys.readouterr().out)["error"]
