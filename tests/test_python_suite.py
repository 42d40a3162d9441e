"""The suite `python`: its shape, its golds, and what its loader says of data it cannot use."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asynccode import rollout
from asynccode.errors import InputError, TaskDataError
from asynccode.policies import Gold, Noop
from asynccode.registry import load_suite
from asynccode.tasks.python.suite import DATA, PythonSuite, load, read_tasks

SUITE = load("python")


def a_task(**changes: Any) -> dict[str, Any]:
    plain = {"id": "t", "query": "Write f.", "gold": ["f = len"], "difficulty": "easy"}
    return {**plain, "name": "f", "tests": ["assert f('') == 0"], **changes}


def data_folder(folder: Path, *tasks: dict[str, Any]) -> Path:
    place = folder / "kind"
    place.mkdir()
    text = json.dumps({"about": "a test", "provenance": "this test", "tasks": tasks})
    (place / "tasks.json").write_text(text)
    return folder


def test_the_registry_knows_the_suite_by_name() -> None:
    suite = load_suite("python")
    assert isinstance(suite, PythonSuite)
    assert suite.digest == SUITE.digest


def test_there_are_tasks_of_every_kind_with_several_tests_each() -> None:
    kinds = Counter(task.metadata["kind"] for task in SUITE.tasks)
    assert sum(kinds.values()) >= 40
    assert set(kinds) == {"functions", "classes", "programs", "debugging"}
    assert min(kinds.values()) >= 8
    assert all(task.metadata["provenance"] == "written for asynccode" for task in SUITE.tasks)
    assert all(len(SUITE.hidden(task).tests) >= 3 for task in SUITE.tasks)


def test_every_expected_value_is_a_literal_and_no_test_is_in_an_image_or_a_query() -> None:
    for task in SUITE.tasks:
        there = json.dumps([task.query, str(task.image)])
        for test in SUITE.hidden(task).tests:
            assert all(check.is_literal for check in test.checks), test.text
            assert test.text not in there


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_gold_is_paid_in_full_and_doing_nothing_clearly_less(anyio_backend: str) -> None:
    for policy, rewards in ((Gold(), {1.0}), (Noop(), {0.0})):
        async with rollout(SUITE, policy, backend="local", concurrency=4) as episodes:
            paid = {episode.task_id: episode.reward async for episode in episodes}
        assert {task: reward for task, reward in paid.items() if reward not in rewards} == {}
        assert len(paid) == len(SUITE.tasks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gold": "f = len"}, "gold is a list"),
        ({"tests": []}, "needs tests"),
        ({"name": None}, "either name or submits"),
        ({"submits": ["f.py"]}, "either name or submits"),
        ({"tests": ["f('')"]}, "does not end in assert"),
        ({"tests": ["assert f('') < 1"]}, "something else than =="),
        ({"query": None, "tests": 7}, "Cannot read the tasks"),
    ],
)
def test_a_task_that_cannot_be_used_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskDataError, match=message):
        read_tasks(data_folder(tmp_path, a_task(**changes)))


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no mode"):
        load("python", compat="intercode")
    with pytest.raises(TaskDataError, match="no Python tasks"):
        load("python", data=tmp_path)
    with pytest.raises(TaskDataError, match="rename one"):
        load("python", data=data_folder(tmp_path, a_task(), a_task()))


def test_where_steps_share_nothing_a_gold_is_one_action() -> None:
    several = [task.id for task in SUITE.tasks if len(task.gold) > 1]
    assert several
    files = PythonSuite(read_tasks(DATA), semantics="files")
    assert all(len(task.gold) == 1 for task in files.tasks)
