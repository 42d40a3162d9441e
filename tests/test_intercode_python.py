"""IC-Python: our rule and the original's, bugs included; recorded episodes come out the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from asynccode.backends.local import LocalBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.images import Image
from asynccode.outcomes import Outcome
from asynccode.records import Skip, Submit, Task
from asynccode.tasks.intercode.mbpp import load, read_tasks
from asynccode.tasks.intercode.pyenv import (
    CompatPythonEnvironment,
    CompatPythonSuite,
    told,
    wrapped,
)
from asynccode.tasks.intercode.recordings import read_recording
from asynccode.tasks.intercode.replay import replay

RECORDED = "results/python/ic_python_multiturn_gpt-3.5_7_turns.json"
OK = "{'output': '', 'error': ''}"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("1 + 1", "print(1 + 1)"),
        (" f(x) ", "print( f(x) )"),
        ("x = 1", "x = 1"),
        ("x += 1", "print(x += 1)"),
        ("import os", "import os"),
        ("from os import path", "print(from os import path)"),
        ("print(1)", "print(1)"),
        ("for i in x: print(i)", "for i in x: print(i)"),
        ("for i in x: pass", "print(for i in x: pass)"),
        ("assert f(1) == 2", "assert f(1) == 2"),
        ("class A: x = 1", "class A: x = 1"),
    ],
)
def test_what_is_no_assignment_import_or_print_is_wrapped_in_print(action: str, code: str) -> None:
    assert wrapped(action) == code


def test_what_the_host_cannot_parse_is_not_executed() -> None:
    with pytest.raises(SyntaxError, match=r"invalid syntax \(<unknown>, line 1\)"):
        wrapped("import re  def f(): pass")


def test_the_harness_shows_as_much_of_a_failure_as_its_level_says() -> None:
    results = {"t1": {"output": "", "error": ""}, "t2": {"error": "Error: "}, "t3": {"error": "x"}}
    assert told(0, results, "seen") == "Test case did not pass. Please try again."
    assert told(1, results, "seen") == "Failed Test Case: t2\nPlease try again."
    assert told(2, results, "seen") == "Failed 2/3 Test Cases. Please try again."
    assert told(0, {"t1": results["t1"]}, "seen") == "seen"


def task(*tests: str, gold: str = "def double(x):\n    return x + x") -> Task:
    metadata = {"tests": list(tests) or ["assert double(2) == 4"], "setup": ""}
    return Task(id="0", query="Double it.", gold=[gold], image=Image(), metadata=metadata)


async def play(
    backend: LocalBackend, made: Task, *actions: Any, every: bool = False
) -> list[tuple[str, float | None, bool]]:
    seen = []
    suite = CompatPythonSuite([made], name="x")
    environment = CompatPythonEnvironment(
        made, backend, limits=suite.limits, score_every_turn=every
    )
    async with environment:
        assert await environment.reset() == made.query
        for action in actions:
            observation, reward, terminated, _, _ = await environment.step(action)
            seen.append((observation, reward, terminated))
    return seen


@pytest.mark.anyio
async def test_observations_are_the_server_s_dictionaries(local_backend: LocalBackend) -> None:
    seen = await play(
        local_backend,
        task(),
        "x = 2",
        "x * 21",
        "y",
        "for i in range(3): pass",
        "import re  def f(): pass",
        "sys.version_info[0]",
        "print(1, file=sys.stderr)",
        "def f(n):\n    return n",
        "f(' a ')",
    )
    assert [observation for observation, _, _ in seen] == [
        OK,
        "{'output': '42', 'error': ''}",
        "{'error': \"Error: name 'y' is not defined\"}",
        "{'error': 'Error: invalid syntax (<string>, line 1)'}",
        "Error executing action: invalid syntax (<unknown>, line 1)",
        "{'output': '3', 'error': ''}",
        "{'output': '', 'error': '1'}",
        OK,
        "{'output': 'a', 'error': ''}",
    ]
    assert {(reward, terminated) for _, reward, terminated in seen} == {(0.0, False)}


@pytest.mark.anyio
async def test_a_submission_is_paid_by_equal_results_and_leaves_gold_behind(
    local_backend: LocalBackend,
) -> None:
    tests = ["assert double(2) == 4", "assert double('a') == 'aa'"]
    seen = await play(
        local_backend,
        task(*tests),
        "def twice(x):\n    return 4",
        "submit twice",
        "twice",
        "double(4)",
        "submit nothing",
    )
    assert seen[1] == (OK, 0.5, True)
    assert seen[2][0] == "{'error': \"Error: name 'twice' is not defined\"}"
    assert seen[3][0] == "{'output': '8', 'error': ''}"
    assert seen[4][1] == 1.0  # gold is still there and agrees with itself


@pytest.mark.anyio
async def test_failing_as_gold_does_counts_as_correct(local_backend: LocalBackend) -> None:
    broken = task("assert double(2) == 5")
    assert (await play(local_backend, broken, "submit nothing"))[0][1] == 0.0
    seen = await play(local_backend, broken, "def f(x):\n    return 4", "submit f")
    assert seen[1][1] == 1.0


@pytest.mark.anyio
async def test_a_definition_is_submitted_at_once(local_backend: LocalBackend) -> None:
    seen = await play(
        local_backend,
        task(),
        "def f(x):\n    return 5",
        "1 + 1",
        "def f(x):\n    return x * 2",
        every=True,
    )
    assert seen == [
        ("Test case did not pass. Please try again.", 0.0, False),
        ("{'output': '2', 'error': ''}", 0.0, False),
        (OK, 1.0, False),
    ]


@pytest.mark.anyio
async def test_where_the_original_s_run_dies_the_episode_ends(local_backend: LocalBackend) -> None:
    for action in ("submit", Submit(), "import sys; sys.exit()", "import os; os._exit(1)"):
        made = task()
        environment = CompatPythonSuite([made], name="x").environment(made, local_backend)
        async with environment:
            await environment.reset()
            result = await environment.step(action)
        assert (result.reward, result.terminated) == (0.0, True)
        assert result.info["outcome"] is Outcome.REFUSED
        assert result.info["original_error"]
    assert (await play(local_backend, task(), Skip()))[0] == ("skipped", 0.0, True)


@pytest.mark.data
def test_all_of_mbpp_is_read_and_every_test_can_be_judged(intercode_data: Path) -> None:
    path = intercode_data / "data/python/mbpp/ic_mbpp.json"
    tasks = read_tasks(path, Image())
    assert len(tasks) == 974
    assert all(hidden.name and hidden.tests for _, hidden in tasks.values())
    odd = [
        key
        for key, (_, hidden) in tasks.items()
        if not all(check.is_literal for test in hidden.tests for check in test.checks)
    ]
    assert odd == ["595"]
    assert [task.id for task, _ in tasks.values()] == [str(number) for number in range(974)]


@pytest.mark.data
@pytest.mark.anyio
async def test_gold_is_paid_in_full(intercode_data: Path, local_backend: LocalBackend) -> None:
    suite = load("intercode/mbpp", data=intercode_data, compat=None, base=None)
    for index in (0, 366, 595, 926):
        made = suite.tasks[index]
        async with suite.environment(made, local_backend) as environment:
            await environment.reset()
            await environment.step(made.gold[0])
            assert (await environment.step(Submit())).reward == 1.0


@pytest.mark.data
@pytest.mark.anyio
async def test_recorded_episodes_come_out_as_they_were_recorded(
    intercode_data: Path, local_backend: LocalBackend
) -> None:
    suite = load("intercode/mbpp", data=intercode_data, compat="intercode", base=None)
    assert isinstance(suite, CompatPythonSuite)
    recording = read_recording(intercode_data / RECORDED)
    # Every level of what is shown, a syntax error that is paid, a parser's refusal.
    chosen = {"2", "6", "30", "43", "69", "90", "108"}
    episodes = [episode for episode in recording.episodes if episode.task_id in chosen]
    figures = await replay(evolve(recording, episodes=episodes), suite, local_backend)
    assert figures["episodes"] == len(chosen)
    assert figures["differences"] == []
    assert figures["same_reward"] == figures["same_observation"] == 1.0


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match="no folder 'data'"):
        load("intercode/mbpp", data=tmp_path, compat=None, base=None)
    folder = tmp_path / "data/python/mbpp"
    folder.mkdir(parents=True)
    with pytest.raises(TaskDataError, match="Cannot read the tasks"):
        load("intercode/mbpp", data=tmp_path, compat=None, base=None)
    (folder / "ic_mbpp.json").write_text('[{"query": "q"}]')
    with pytest.raises(TaskDataError, match="is not a list of InterCode tasks"):
        load("intercode/mbpp", data=tmp_path, compat=None, base=None)
    with pytest.raises(InputError, match="no mode 'other'"):
        load("intercode/mbpp", data=tmp_path, compat="other", base=None)
