from __future__ import annotations

import anyio
import pytest

from asynccode import attempt as attempt_module
from asynccode import episode as episode_module
from asynccode.attempt import stop_reason
from asynccode.episode import play
from asynccode.errors import BackendError, PolicyError, Unavailable
from asynccode.interfaces import Environment, Policy, Suite, Worlds
from asynccode.outcomes import Limits, Outcome
from asynccode.policies import Gold, Noop, Scripted
from asynccode.records import Action, Episode, Skip, StepResult, StopReason, Submit, Task, Turn
from asynccode.testing.fakes import FakeBackend, FakeEnvironment, FakeSuite, Faults

pytestmark = pytest.mark.anyio


async def run(
    policy: Policy,
    *,
    backend: FakeBackend | None = None,
    suite: Suite | None = None,
    limits: Limits | None = None,
    max_turns: int = 10,
) -> Episode:
    backend = backend or FakeBackend()
    suite = suite or FakeSuite(4)
    made = await play(
        suite.tasks[3],
        suite=suite,
        backend="fake",
        policy=policy,
        worlds=backend,
        limits=limits,
        max_turns=max_turns,
    )
    assert backend.statistics()["open"] == 0
    return made


async def test_gold_is_solved_and_recorded() -> None:
    made = await run(Gold())
    assert made.solved
    assert made.reward == 1.0
    assert made.reward_parts == {"answer": 1.0, "changes": 0}
    assert made.stop_reason is StopReason.SUBMITTED
    assert [step.action for step in made.steps] == ["echo 3", "submit"]
    assert made.steps[0].observation == "3\n"
    assert made.steps[0].outcome is Outcome.OK
    assert made.error is None


async def test_an_answer_replaces_the_last_output() -> None:
    made = await run(Scripted("echo nonsense", Submit(answer="3")))
    assert made.solved
    assert made.steps[-1].action == "submit 3"


async def test_skipping_ends_the_episode() -> None:
    made = await run(Scripted(Skip()))
    assert made.stop_reason is StopReason.SKIPPED
    assert made.reward == 0.0


async def test_at_the_turn_limit_the_score_is_known_and_no_step_invented() -> None:
    made = await run(Scripted("echo 3", "true", "echo 3", "echo 4"), max_turns=3)
    assert made.stop_reason is StopReason.MAX_TURNS
    assert made.reward == 1.0
    assert made.solved
    assert [step.action for step in made.steps] == ["echo 3", "true", "echo 3"]


async def test_out_of_wall_time_the_cut_action_is_recorded_and_the_score_known() -> None:
    made = await run(Scripted("echo 3", "hang"), limits=Limits(episode_seconds=0.2))
    assert made.stop_reason is StopReason.WALL_TIME
    assert made.reward == 1.0
    assert made.steps[-1].action == "hang"
    assert made.steps[-1].observation is None
    assert made.steps[-1].outcome is Outcome.TIMEOUT


class SlowPolicy(Policy):
    async def act(self, turn: Turn) -> Action:
        await anyio.sleep_forever()
        raise AssertionError


async def test_the_policys_time_counts_too() -> None:
    made = await run(SlowPolicy(), limits=Limits(episode_seconds=0.1))
    assert made.stop_reason is StopReason.WALL_TIME
    assert made.steps == ()
    assert made.reward == 0.0


class FailingPolicy(Policy):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def act(self, turn: Turn) -> Action:
        if turn.steps:
            raise self.error
        return "echo 3"


@pytest.mark.parametrize(
    ("error", "text"),
    [(PolicyError("no idea"), "no idea"), (KeyError("x"), "KeyError: 'x'")],
)
async def test_a_failing_policy_gets_no_reward(error: Exception, text: str) -> None:
    made = await run(FailingPolicy(error))
    assert made.stop_reason is StopReason.POLICY_ERROR
    assert made.reward is None
    assert not made.solved
    assert made.error == text
    assert len(made.steps) == 1


async def test_a_policy_that_gives_nonsense_is_a_policy_error() -> None:
    made = await run(Scripted(7))  # type: ignore[arg-type]
    assert made.stop_reason is StopReason.POLICY_ERROR
    assert made.error == "The policy gave a int, not a str, Submit or Skip."


@pytest.mark.parametrize("phase", ["open", "session", "run", "changes"])
async def test_a_harness_failure_is_never_a_reward(phase: str) -> None:
    backend = FakeBackend(Faults(fail={phase: 1}))
    made = await run(Gold(), backend=backend)
    assert made.stop_reason is StopReason.HARNESS_ERROR
    assert made.reward is None
    assert made.error == f"{phase}: a fault was asked for"


async def test_a_lost_sandbox_is_a_harness_error() -> None:
    made = await run(Scripted("echo 3", "fail"))
    assert made.stop_reason is StopReason.HARNESS_ERROR
    assert made.reward is None
    assert len(made.steps) == 1


async def test_failing_to_close_is_noted_and_keeps_the_score() -> None:
    made = await run(Gold(), backend=FakeBackend(Faults(fail={"close": 1})))
    assert made.reward == 1.0
    assert made.error == "Closing failed: close: a fault was asked for"


async def test_a_close_that_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode_module, "CLOSE_SECONDS", 0.1)

    class Stuck(FakeEnvironment):
        async def aclose(self) -> None:
            await super().aclose()
            await anyio.sleep(self.stuck)

        stuck = 0.0

        async def step(self, action: Action) -> StepResult:
            self.stuck = 60.0
            return await super().step(action)

    class StuckSuite(FakeSuite):
        def environment(self, task: Task, worlds: Worlds) -> Environment:
            return Stuck(task, worlds, self.limits)

    made = await run(Gold(), suite=StuckSuite(4))
    assert made.reward == 1.0
    assert made.error == "Closing took over 0.1 s."


async def test_a_score_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "SCORE_SECONDS", 0.1)
    slow = FakeBackend(Faults(slow={"changes": 60.0}))
    made = await run(Scripted("hang"), backend=slow, limits=Limits(episode_seconds=0.1))
    assert made.stop_reason is StopReason.WALL_TIME
    assert made.reward is None
    assert made.error == "The episode could not be scored within 0.1 s."
    made = await run(Scripted("echo 3"), backend=slow, max_turns=1)
    assert made.stop_reason is StopReason.HARNESS_ERROR
    assert made.reward is None


async def test_a_world_that_is_never_ready_is_a_harness_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt_module, "START_SECONDS", 0.1)
    made = await run(Gold(), backend=FakeBackend(Faults(slow={"open": 60.0})))
    assert made.stop_reason is StopReason.HARNESS_ERROR
    assert made.error is not None
    assert made.error.startswith("The world was not ready within 0.1 s: the machine is too busy")


async def test_an_unavailable_backend_is_no_episode() -> None:
    backend = FakeBackend(Faults(fail={"open": 1}, error=Unavailable))
    with pytest.raises(Unavailable):
        await run(Noop(), backend=backend)


async def test_a_bug_in_an_environment_is_a_harness_error() -> None:
    class Broken(FakeSuite):
        def environment(self, task: Task, worlds: Worlds) -> Environment:
            raise ZeroDivisionError("oh")

    made = await run(Gold(), suite=Broken(4))
    assert made.stop_reason is StopReason.HARNESS_ERROR
    assert made.error == "ZeroDivisionError: oh"


def test_stop_reasons() -> None:
    assert stop_reason("ls", None, False, False) is None
    assert stop_reason("ls", 1.0, True, False) is StopReason.SOLVED
    assert stop_reason("ls", 0.9, True, False) is StopReason.SUBMITTED
    assert stop_reason("ls", None, False, True) is StopReason.MAX_TURNS
    assert stop_reason(Submit(), 1.0, True, False) is StopReason.SUBMITTED
    assert stop_reason(Skip(), 0.0, True, False) is StopReason.SKIPPED


def test_errors_are_one_line() -> None:
    assert episode_module.describe(BackendError("a\nb")) == "a b"
    assert episode_module.describe(BackendError()) == "BackendError"
