"""The Bash environment on real backends: what is scored, what is said, what is left behind."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from attrs import evolve

from asynccode.backends.local import LocalBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.interfaces import Worlds
from asynccode.outcomes import ExecResult, Limits, Outcome
from asynccode.records import Action, Skip, StepResult, Submit, Task
from asynccode.tasks.bash import BashEnvironment, BashSuite, load, observe

pytestmark = [pytest.mark.anyio]


def task_of(suite: BashSuite, name: str) -> Task:
    return next(task for task in suite.tasks if task.id == name)


async def act(environment: BashEnvironment, *actions: Action) -> StepResult:
    for action in actions:
        result = await environment.step(action)
    return result


async def play(suite: BashSuite, name: str, worlds: Worlds, *actions: Action) -> StepResult:
    """Play one task from its beginning; give the last step."""
    async with suite.environment(task_of(suite, name), worlds) as environment:
        await environment.reset()
        return await act(environment, *actions)


def small(*gold: Any, compare: str = "normalised", **limits: float) -> BashSuite:
    """A suite of one task `t` in an empty world."""
    actions: Any = gold
    task = Task(id="t", query="Do it.", gold=actions, compare=compare)
    return BashSuite([task], limits=Limits(**limits) if limits else None)  # type: ignore[arg-type]


@pytest.mark.nsjail
async def test_gold_never_enters_the_agents_sandbox(nsjail_backend: NsjailBackend) -> None:
    secret = "forty-two-whales"
    suite = small(f": {secret}; echo 1 > a; echo {secret}")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        assert nsjail_backend.statistics()["open"] == 1
        assert nsjail_backend.statistics()["opened"] == 2
        search = (
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n';"
            " grep -rslF forty-two-wh'ales' / --exclude-dir=proc --exclude-dir=sys"
            " --exclude-dir=usr --exclude-dir=dev; ls -A"
        )
        result = await environment.step(search)
        assert secret not in result.observation
        assert result.observation.count("forty-two") == 0
        await environment.step(Submit())
        assert nsjail_backend.statistics()["opened"] == 2


@pytest.mark.nsjail
async def test_side_effects_cost_but_scratch_paper_is_free(nsjail_backend: NsjailBackend) -> None:
    suite = load("bash")
    name = "webserver-busiest-hour"
    (gold,) = task_of(suite, name).gold
    for before, reward in [
        ("echo x > /tmp/x; mkdir -p /tmp/a/b; touch ~/.bash_history", 1.0),
        ("touch notes", 0.0),
        ("rm README", 0.0),
        ("chmod 600 README", 0.0),
        ("touch README; cp README x; mv x README", 1.0),
    ]:
        result = await play(suite, name, nsjail_backend, before, gold, Submit())
        assert result.reward == reward, before
        assert result.info["reward_parts"] == {"state": reward, "answer": 1.0, "reward": reward}


@pytest.mark.nsjail
async def test_the_answer_is_what_is_submitted_or_else_the_last_output(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = small("echo 7")
    tries: list[tuple[list[Action], float]] = [
        (["echo 7", Submit()], 1.0),
        (["echo 7", "echo 8", Submit()], 0.0),
        (["echo 7", "true", Submit()], 0.0),
        (["echo 8", Submit(answer="7")], 1.0),
        (["echo 7", Submit(answer="8")], 0.0),
        ([Submit(answer="7\n")], 1.0),
        ([Submit()], 0.0),
    ]
    for actions, reward in tries:
        result = await play(suite, "t", nsjail_backend, *actions)
        assert (result.reward, result.terminated, result.truncated) == (reward, True, False)


@pytest.mark.nsjail
async def test_skipping_earns_nothing(nsjail_backend: NsjailBackend) -> None:
    result = await play(small("echo 7"), "t", nsjail_backend, "echo 7", Skip())
    assert (result.reward, result.terminated) == (0.0, True)


@pytest.mark.nsjail
async def test_one_shell_serves_the_whole_episode(nsjail_backend: NsjailBackend) -> None:
    suite = small("true", compare="none")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        assert await environment.reset() == "Do it."
        assert environment.semantics == "persistent"
        await act(environment, "mkdir d; cd d; f() { echo $x; }", "x=5")
        result = await environment.step("f; pwd")
        assert result.observation == "5\n/work/d\n"
        assert result.reward is None
        info = dict(result.info)
        assert info.pop("seconds") > 0
        assert info == {
            "outcome": Outcome.OK,
            "exit_code": 0,
            "valid": True,
            "truncated": False,
            "restarted": False,
        }


@pytest.mark.nsjail
async def test_per_step_semantics_keep_files_alone(nsjail_backend: NsjailBackend) -> None:
    suite = BashSuite(small("echo 1 > a", "cat a").tasks, semantics="per-step")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        assert environment.semantics == "per-step"
        result = await act(environment, "mkdir d; cd d; x=5", 'echo "$x"; pwd; ls')
        assert result.observation == "\n/work\nd\n"
        result = await act(environment, "rmdir d; echo 1 > a", "cat a", Submit())
        assert result.reward == 1.0


@pytest.mark.nsjail
async def test_a_reset_starts_afresh_in_a_new_world(nsjail_backend: NsjailBackend) -> None:
    suite = small("echo 7")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        await act(environment, "touch x; y=1", "echo 7")
        await environment.reset()
        assert nsjail_backend.statistics()["open"] == 1
        assert (await environment.step("ls; echo $y")).observation == "\n"
        await environment.reset()
        assert (await environment.step(Submit())).reward == 0.0


@pytest.mark.nsjail
async def test_a_time_out_and_a_restart_are_said_and_are_no_part_of_the_answer(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = small("echo 7", step_seconds=0.3)
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        result = await act(environment, "x=5", "echo 7; sleep 60")
        assert result.observation.startswith("7\n")
        assert result.observation.endswith("\n[timed out after 0.3 s; the shell is still there]")
        assert result.info["outcome"] is Outcome.TIMEOUT
        assert (await environment.step("echo $x")).observation == "5\n"
        result = await environment.step("printf 7; kill -9 $$")
        assert result.info["restarted"]
        assert result.observation == (
            "7\n[killed]\n[the shell was restarted: its variables and its directory are lost]"
        )
        assert (await environment.step(Submit())).reward == 1.0


@pytest.mark.nsjail
async def test_code_with_a_nul_is_refused_and_not_valid(nsjail_backend: NsjailBackend) -> None:
    for suite in (small("true"), BashSuite(small("true").tasks, semantics="per-step")):
        result = await play(suite, "t", nsjail_backend, "echo a\0b")
        assert result.info["valid"] is False
        assert result.info["outcome"] is Outcome.REFUSED
        assert result.observation.startswith("[refused: code cannot hold a NUL character")


@pytest.mark.nsjail
async def test_a_cancelled_step_can_be_followed_by_a_submission(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = small("echo 7 > a", compare="none")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        with anyio.move_on_after(0.2):
            await environment.step("echo 7 > a; sleep 60")
        assert (await environment.step(Submit())).reward == 1.0


@pytest.mark.nsjail
async def test_many_episodes_of_a_task_play_gold_once(nsjail_backend: NsjailBackend) -> None:
    suite = small("echo 7")
    found: list[float | None] = []

    async def episode() -> None:
        found.append((await play(suite, "t", nsjail_backend, "echo 7", Submit())).reward)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(episode)
    assert found == [1.0] * 20
    assert nsjail_backend.statistics()["opened"] == 21


@pytest.mark.nsjail
@pytest.mark.parametrize(
    ("gold", "said"),
    [("sleep 60", "'t'.*action 2.*ended as timeout"), ("exit 3", "'t'.*action 2.*ended the shell")],
)
async def test_a_gold_that_fails_is_an_error_of_the_task(
    nsjail_backend: NsjailBackend, gold: str, said: str
) -> None:
    suite = small("true", gold, step_seconds=0.3)
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        with pytest.raises(TaskDataError, match=said):
            await environment.reset()
    assert nsjail_backend.statistics()["open"] == 0


@pytest.mark.nsjail
async def test_a_gold_may_end_with_a_status_of_its_own(nsjail_backend: NsjailBackend) -> None:
    result = await play(
        small("echo none; grep -q x /dev/null"), "t", nsjail_backend, "echo none", Submit()
    )
    assert result.reward == 1.0


@pytest.mark.nsjail
async def test_leaving_at_any_time_leaves_nothing_behind(nsjail_backend: NsjailBackend) -> None:
    suite = small("sleep 0.05", compare="none")
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.2):
        with anyio.move_on_after(delay):
            async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
                await environment.reset()
                await environment.step("sleep 60")
        assert nsjail_backend.statistics()["open"] == 0


async def test_an_environment_is_reset_before_it_is_stepped(local_backend: LocalBackend) -> None:
    suite = small("echo 7")
    environment = suite.environment(suite.tasks[0], local_backend)
    with pytest.raises(InputError, match="'t' is not running: call reset first"):
        await environment.step("true")
    await environment.reset()
    await environment.aclose()
    await environment.aclose()
    with pytest.raises(InputError, match="call reset first"):
        await environment.step(Submit())


RESULT = ExecResult(outcome=Outcome.OK, exit_code=0, output=b"out\n")


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (Outcome.TIMEOUT, "timed out after 30 s"),
        (Outcome.OUTPUT_LIMIT, "stopped after 1048576 bytes of output"),
        (Outcome.MEMORY_LIMIT, "stopped at the memory limit of 512 MiB"),
        (Outcome.PROCESS_LIMIT, "stopped at the limit of 128 processes"),
        (Outcome.DISK_LIMIT, "stopped at the disk limit of 256 MiB"),
        (Outcome.KILLED, "killed"),
    ],
)
async def test_each_limit_is_said_in_one_line(outcome: Outcome, note: str) -> None:
    result = evolve(RESULT, outcome=outcome)
    assert observe(result, Limits()) == f"out\n[{note}; the shell is still there]"
    assert observe(result, Limits(), "per-step") == f"out\n[{note}]"
    lost = observe(evolve(result, restarted=True), Limits())
    assert lost.splitlines()[1:] == [
        f"[{note}]",
        "[the shell was restarted: its variables and its directory are lost]",
    ]


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.NONZERO])
async def test_an_ordinary_step_shows_its_output_alone(outcome: Outcome) -> None:
    assert observe(evolve(RESULT, outcome=outcome), Limits()) == "out\n"
    cut = observe(evolve(RESULT, outcome=outcome, truncated=True), Limits())
    assert cut == "out\n[only the first 1048576 bytes of output are shown]"
