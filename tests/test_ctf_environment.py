"""The environment of challenges: what is a guess, and what ends an episode."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from asynccode.errors import InputError
from asynccode.records import Action, Skip, StopReason, Submit
from asynccode.tasks.ctf.environment import flag_of
from asynccode.tasks.ctf.suite import load
from asynccode.testing.fakes import FakeBackend
from tests.ctf_world import FLAG, act, environment, episode

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("action", "flag"),
    [
        (Submit(answer=" flag{a b} "), "flag{a b}"),
        (Submit(), ""),
        ("submit flag{x}", "flag{x}"),
        ("submit flag{a b}\n", "flag{a b}"),
        ("submit", ""),
        ("submit_job.sh", None),
        ("submit a\nls", None),
        ("echo submit", None),
        (Skip(), None),
    ],
)
async def test_what_an_action_submits(action: Action, flag: str | None) -> None:
    assert flag_of(action) == flag


async def test_a_right_flag_ends_the_episode_however_it_is_handed_in() -> None:
    for action in (Submit(answer=FLAG), f"submit {FLAG}"):
        async with environment(FakeBackend()) as made:
            assert await made.reset() == "Find it."
            result = await act(made, "echo x", action)
        assert (result.reward, result.terminated) == (1.0, True)
        assert result.info["reward_parts"] == {"reward": 1.0, "wrong_guesses": 0}


async def test_wrong_flags_are_counted_and_end_the_episode_at_the_limit() -> None:
    async with environment(FakeBackend()) as made:
        await made.reset()
        seen = [await made.step(f"submit flag{{{n}}}") for n in range(3)]
        assert [(s.reward, s.terminated) for s in seen] == [(0.0, False)] * 2 + [(0.0, True)]
        assert [s.observation for s in seen] == [
            f"The flag is wrong. Guesses left: {left}." for left in (2, 1, 0)
        ]
        assert seen[-1].info["stop_reason"] is StopReason.GUESS_LIMIT
        assert seen[-1].info["reward_parts"]["wrong_guesses"] == 3


async def test_guesses_need_not_be_limited_and_a_reset_forgets_them() -> None:
    async with environment(FakeBackend(), guesses=None) as made:
        await made.reset()
        for _ in range(20):
            result = await made.step(Submit(answer="flag{no}"))
        assert (result.observation, result.terminated) == ("The flag is wrong.", False)
        assert made.wrong == 20
        await made.reset()
        assert made.wrong == 0


async def test_a_bare_submission_means_the_last_output_and_is_final() -> None:
    tries: list[tuple[Sequence[Action], float]] = [
        ([f"echo {FLAG}", Submit()], 1.0),
        ([f"echo {FLAG}", "submit"], 1.0),
        ([f"echo {FLAG}", "echo no", Submit()], 0.0),
        ([f"echo it is {FLAG}", Submit()], 0.0),
        ([Submit()], 0.0),
        ([f"echo {FLAG}", Skip()], 0.0),
    ]
    for actions, reward in tries:
        async with environment(FakeBackend()) as made:
            await made.reset()
            result = await act(made, *actions)
        assert (result.reward, result.terminated) == (reward, True)


async def test_giving_up_without_a_word_is_no_guess() -> None:
    made = await episode(load("ctf"), FakeBackend(), Submit())
    assert made.reward_parts == {"reward": 0.0, "wrong_guesses": 0}


async def test_a_step_before_reset_is_refused() -> None:
    with pytest.raises(InputError, match="'t' is not running: call reset first"):
        await environment(FakeBackend()).step("ls")


async def test_episodes_tell_how_guessing_ended() -> None:
    suite, backend = load("ctf", guesses=2), FakeBackend()
    wrong = Submit(answer="flag{no}")
    right = suite.flag(suite.tasks[0])
    made = await episode(suite, backend, wrong, "submit flag{nor}", "echo never")
    assert (made.stop_reason, made.reward, len(made.steps)) == (StopReason.GUESS_LIMIT, 0.0, 2)
    made = await episode(suite, backend, wrong, f"submit {right}")
    assert (made.stop_reason, made.solved) == (StopReason.SOLVED, True)
    assert made.reward_parts == {"reward": 1.0, "wrong_guesses": 1}
    made = await episode(suite, backend, wrong, Submit(answer=right))
    assert (made.stop_reason, made.solved) == (StopReason.SUBMITTED, True)
    assert made.steps[0].reward == 0.0


async def test_a_flag_of_another_attempt_is_worth_nothing() -> None:
    suite = load("ctf")
    stolen = Submit(answer=suite.flag(suite.variant(suite.tasks[0], 0)))
    assert (await episode(suite, FakeBackend(), stolen, attempt=0)).solved
    assert not (await episode(suite, FakeBackend(), stolen, attempt=1)).solved
