"""Tasks in the form of APPS: programs are paid by the pairs of input and output that they get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asynccode.backends.local import LocalBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.records import Submit
from asynccode.registry import load_suite
from asynccode.tasks.python.apps import AppsSuite

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"


def data_folder(folder: Path, *records: Any) -> Path:
    place = folder / "data/python/apps"
    place.mkdir(parents=True)
    (place / "ic_apps.json").write_text(json.dumps(records))
    return folder


def a_record(gold: str = SUM, **pairs: Any) -> dict[str, Any]:
    plain = {"inputs": ["1 2\n", "3 4\n", ["5 6"]], "outputs": ["3\n", "7", ["11"]]}
    return {"query": "Add.", "gold": gold, "input_output": {**plain, **pairs}}


def suite_of(folder: Path, *records: Any) -> AppsSuite:
    suite = load_suite("intercode/apps", data=data_folder(folder, *records))
    assert isinstance(suite, AppsSuite)
    return suite


async def play(suite: AppsSuite, backend: LocalBackend, *actions: str) -> tuple[Any, str]:
    async with suite.environment(suite.tasks[0], backend) as environment:
        await environment.reset()
        for action in actions:
            await environment.step(action)
        result = await environment.step(Submit())
    return result.reward, result.info["feedback"]


@pytest.mark.anyio
async def test_a_program_is_paid_by_the_share_of_pairs_it_gets(
    tmp_path: Path, local_backend: LocalBackend
) -> None:
    suite = suite_of(tmp_path, a_record())
    assert await play(suite, local_backend, suite.tasks[0].gold[0]) == (1.0, "All tests passed.")
    reward, said = await play(suite, local_backend, "open('solution.py', 'w').write('print(7)')")
    assert reward == pytest.approx(1 / 3)
    assert "It wrote '7\\n', not '3\\n'" in said
    reward, said = await play(suite, local_backend, "open('solution.py', 'w').write('1 / 0')")
    assert reward == 0.0
    assert "ZeroDivisionError" in said
    assert (await play(suite, local_backend, SUM))[0] == 0.0


@pytest.mark.anyio
async def test_a_function_is_called_with_its_arguments(
    tmp_path: Path, local_backend: LocalBackend
) -> None:
    gold = "class Solution:\n    def add(self, a, b):\n        return a + b\n"
    pairs = {"fn_name": "add", "inputs": [[1, 2], ["a", "b"]], "outputs": [[3], "ab"]}
    suite = suite_of(tmp_path, a_record(gold, **pairs))
    assert (await play(suite, local_backend, suite.tasks[0].gold[0]))[0] == 1.0
    plain = "open('solution.py', 'w').write('add = lambda a, b: 3')"
    assert (await play(suite, local_backend, plain))[0] == 0.5


def test_bad_input_is_named(tmp_path: Path) -> None:
    folder = data_folder(tmp_path / "a", {"query": "q"})
    with pytest.raises(TaskDataError, match="is not a list of APPS tasks"):
        load_suite("intercode/apps", data=folder)
    with pytest.raises(TaskDataError, match="no pair"):
        suite_of(tmp_path / "b", a_record(inputs=[], outputs=[]))
    with pytest.raises(InputError, match="no mode"):
        load_suite("intercode/apps", data=folder, compat="intercode")
    (folder / "data/python/apps/ic_apps.json").unlink()
    with pytest.raises(TaskDataError, match="Cannot read the tasks"):
        load_suite("intercode/apps", data=folder)
