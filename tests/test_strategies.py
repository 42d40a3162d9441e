"""Each strategy end to end: a server plays answers back, and what it said is executed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import asynccode
from asynccode.agents.chat import Chat, conversation
from asynccode.agents.strategies.base import Strategy
from asynccode.errors import InputError
from asynccode.feedback import Feedback
from asynccode.interfaces import Environment, Worlds
from asynccode.records import Brief, Episode, Step, StopReason, Task, Turn
from asynccode.registry import STRATEGIES, load_strategy
from asynccode.testing.chat_answers import Answer, Recorded
from asynccode.testing.chat_server import ChatServer, serve
from asynccode.testing.fakes import FakeBackend, FakeEnvironment, FakeSuite

pytestmark = pytest.mark.anyio

NUMBERS = range(20)


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    call = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"c-{name}-{arguments.get('code')}", "type": "function", "function": call}


def fenced(code: str) -> str:
    return f"Here:\n```bash\n{code}\n```"


def answers(strategy: str, number: int) -> Sequence[Answer]:
    """Answers that run `ECHO x`, which fails, then print the number, then submit."""
    wrong, right = "ECHO   'X' ", f"echo {number}"
    match strategy:
        case "single-turn":
            return [fenced(right)]
        case "react":
            return [
                f"Thought: hm\nAction:\n```bash\n{wrong}\n```",
                f"Thought: ah\nAction: execute[{right}]",
                "Thought: done\nAction: submit",
            ]
        case "plan-and-solve":
            return ["1. shout\n2. say", fenced(wrong), fenced(right), "submit"]
        case "tools":
            both = [tool("run", code=wrong), tool("run", code=right)]
            return [{"tool_calls": both}, {"content": "Done.", "tool_calls": [tool("submit")]}]
        case _:
            return [fenced(wrong), fenced(right), "submit"]


async def play(
    strategy: str | Strategy,
    replies: Mapping[str, Sequence[Answer]],
    *,
    suite: FakeSuite | None = None,
    feedback: Feedback = Feedback.HIDDEN,
    max_turns: int = 10,
    **options: Any,
) -> tuple[dict[str, Episode], ChatServer]:
    async with (
        serve(Recorded(replies), keep=True) as server,
        Chat("recorded", strategy=strategy, base_url=server.url, **options) as policy,
        asynccode.rollout(
            suite or FakeSuite(len(replies)),
            policy,
            backend=FakeBackend(),
            feedback=feedback,
            max_turns=max_turns,
        ) as run,
    ):
        return {episode.task_id: episode async for episode in run}, server


async def one(strategy: str, replies: Sequence[Answer], **options: Any) -> Episode:
    made, _ = await play(strategy, {"Print 0.": replies}, **options)
    return made["t0"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_what_was_answered_is_executed_unaltered(nothing_leaks: None, strategy: str) -> None:
    replies = {f"Print {n}.": answers(strategy, n) for n in NUMBERS}
    made, server = await play(strategy, replies)
    assert len(made) == len(NUMBERS)
    for number in NUMBERS:
        episode = made[f"t{number}"]
        assert (episode.reward, episode.error) == (1.0, None)
        assert episode.stop_reason is StopReason.SUBMITTED
        code = [step.action for step in episode.steps if step.kind == "code"]
        right = f"echo {number}"
        assert code == [right] if strategy == "single-turn" else ["ECHO   'X' ", right]
        assert episode.tokens_in > 0
        assert episode.tokens_out > 0
    calls = sum(len(step.calls) for episode in made.values() for step in episode.steps)
    assert server.requests == calls
    assert server.connections <= len(NUMBERS)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_the_record_holds_the_conversation_to_the_letter(strategy: str) -> None:
    made, server = await play(strategy, {"Print 0.": answers(strategy, 0)})
    episode = made["t0"]
    turn = Turn(task=FakeSuite(1).tasks[0], attempt=0, observation="", steps=episode.steps)
    said = list(conversation(turn))
    assert server.bodies is not None
    for body in server.bodies:
        assert body["messages"] == said[: len(body["messages"])]
    assert len(server.bodies[-1]["messages"]) == len(said) - 1
    assert said[0]["role"] == "system"
    assert "Print 0." in said[1]["content"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_what_cannot_be_read_is_an_invalid_step_with_a_retry_message(strategy: str) -> None:
    replies = ["I would rather talk.", "Still talking.", "And on."]
    episode = await one(strategy, replies, max_turns=2)
    step = episode.steps[0]
    assert (step.kind, step.outcome, step.valid) == ("invalid", "invalid", False)
    assert step.observation is not None
    assert "nothing was run" in step.observation.lower()
    assert episode.reward == 0.0


async def test_react_keeps_the_thoughts() -> None:
    episode = await one("react", answers("react", 0))
    assert [step.thought for step in episode.steps] == ["hm", "ah", "done"]


async def test_try_again_is_told_the_reward_where_it_is_shown() -> None:
    made, server = await play(
        "try-again", {"Print 0.": answers("try-again", 0)}, feedback=Feedback.SHOWN
    )
    episode = made["t0"]
    assert episode.stop_reason is StopReason.SOLVED
    assert server.bodies is not None
    assert "[reward 0]" in server.bodies[1]["messages"][-1]["content"]
    assert "reward" in server.bodies[0]["messages"][0]["content"]
    hidden, server = await play("try-again", {"Print 0.": answers("try-again", 0)})
    assert "reward" not in json.dumps(server.bodies)
    assert hidden["t0"].stop_reason is StopReason.SUBMITTED


async def test_a_plan_may_be_refined_before_it_is_submitted() -> None:
    replies = ["1. say", fenced("echo 1"), "submit", fenced("echo 2"), fenced("echo 0"), "x"]
    episode = await one("plan-and-solve", replies, refine=2)
    assert [step.action for step in episode.steps] == ["echo 1", "echo 2", "echo 0", "submit"]
    assert episode.reward == 1.0
    assert [len(step.calls) for step in episode.steps] == [2, 2, 1, 0]
    content = await one("plan-and-solve", ["1. say", fenced("echo 0"), "submit"], refine=2)
    assert [step.action for step in content.steps] == ["echo 0", "submit"]
    assert [len(step.calls) for step in content.steps] == [2, 2]


async def test_tools_that_are_called_wrongly_are_told_so() -> None:
    broken = {"id": "b", "type": "function", "function": {"name": "run", "arguments": "{code"}}
    replies: list[Answer] = [
        {"tool_calls": [broken]},
        {"tool_calls": [tool("dance"), tool("run", command="ls")]},
        {"tool_calls": [tool("submit", answer="0")]},
    ]
    made, server = await play("tools", {"Print 0.": replies})
    episode = made["t0"]
    assert [step.kind for step in episode.steps] == ["invalid"] * 3 + ["submit"]
    told = [step.observation or "" for step in episode.steps]
    assert "not a JSON object" in told[0]
    assert "no tool 'dance'" in told[1]
    assert "needs its code" in told[2]
    assert episode.reward == 1.0
    assert server.bodies is not None
    last = server.bodies[-1]
    assert [m.get("tool_call_id") for m in last["messages"][-2:]] == ["c-dance-None", "c-run-None"]
    assert [t["function"]["name"] for t in last["tools"]] == ["run", "submit"]


async def test_a_reply_that_was_cut_off_is_not_run() -> None:
    cut = {"content": "```bash\necho 0", "finish_reason": "length"}
    episode = await one("try-again", [cut, fenced("echo 0")], max_turns=2)
    assert [step.kind for step in episode.steps] == ["invalid", "code"]
    assert "cut off" in (episode.steps[0].observation or "")


class Hinting(FakeEnvironment):
    def brief(self) -> Brief:
        return Brief(language="sql", about="It is a table.", hint="CREATE TABLE t (a)")


class HintingSuite(FakeSuite):
    def environment(self, task: Task, worlds: Worlds) -> Environment:
        return Hinting(task, worlds, self.limits)


@pytest.mark.parametrize("hint", [True, False])
async def test_the_hint_is_told_only_if_it_is_asked_for(hint: bool) -> None:
    replies = {"Print 0.": ["```sql\necho 0\n```", "submit"]}
    made, server = await play("try-again", replies, suite=HintingSuite(1), hint=hint)
    assert server.bodies is not None
    system, task = server.bodies[0]["messages"]
    assert "actions in SQL" in system["content"]
    assert "It is a table." in system["content"]
    assert ("CREATE TABLE t (a)" in task["content"]) is hint
    assert made["t0"].reward == 1.0


def test_prompts_are_versioned_and_part_of_the_settings() -> None:
    first, second = (load_strategy(name, {}).settings for name in ("react", "try-again"))
    assert first["prompts"] == "v1"
    assert len(first["prompts_sha256"]) == 64
    assert first["strategy"] != second["strategy"]
    turn = Turn(task=FakeSuite(1).tasks[0], attempt=0, observation="", steps=())
    for name in STRATEGIES:
        strategy: Strategy = load_strategy(name, {})
        for text in strategy.prompts.texts:
            assert strategy.prompts.fill(text, turn, observation="o", text="t")


async def test_prompts_and_examples_of_ones_own(tmp_path: Any) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        "[feedback]\n[common]\ntask='{query}'\nobservation='{observation}'\nempty='-'\n"
        "[try-again]\nsystem='Be {language}.'\n"
    )
    examples = tmp_path / "examples.json"
    examples.write_text(json.dumps([{"role": "user", "content": "Say x."}]))
    replies = {"Print 0.": answers("try-again", 0)}
    _, server = await play("try-again", replies, prompts=str(mine), examples=examples)
    assert server.bodies is not None
    texts = [m["content"] for m in server.bodies[0]["messages"]]
    assert texts == ["Be bash.", "Say x.", "Print 0."]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"prompts": "v9"}, "Cannot read the prompts 'v9'"),
        ({"examples": "nowhere.json"}, "Cannot read the examples nowhere.json"),
        ({"refine": 3}, "The strategy 'react' takes no --refine"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        load_strategy("react", options)


async def test_an_episode_that_others_began_is_gone_on_with() -> None:
    """Steps without calls, such as a person's, stand in the conversation as the model's own."""
    done = Step(action="echo 1", observation="1\n")
    turn = Turn(task=FakeSuite(1).tasks[0], attempt=0, observation="1\n", steps=[done])
    strategy: Strategy = load_strategy("try-again", {})
    said = strategy.ask(turn)
    assert [m["role"] for m in said] == ["system", "user", "assistant", "user"]
    assert said[2]["content"] == "echo 1"
