"""The shape of the suite `bash`, and what its loader says of data it cannot use."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asynccode.errors import InputError, TaskDataError
from asynccode.images import Manifest
from asynccode.registry import load_suite
from asynccode.tasks.bash import DATA, BashSuite, load, read_tasks
from asynccode.tasks.rewards import COMPARERS

SUITE = load("bash")
TASKS = {task.id: task for task in SUITE.tasks}


def a_task(**changes: Any) -> dict[str, Any]:
    return {"id": "t", "query": "Print 1.", "gold": ["echo 1"], "difficulty": "easy", **changes}


def data_folder(folder: Path, *tasks: dict[str, Any]) -> Path:
    place = folder / "world"
    place.mkdir()
    entries = [{"path": "/work/a", "type": "file", "text": "a\n"}]
    (place / "filesystem.json").write_text(json.dumps({"entries": entries}))
    text = json.dumps({"about": "a test", "provenance": "this test", "tasks": tasks})
    (place / "tasks.json").write_text(text)
    return folder


def test_the_registry_knows_the_suite_by_name() -> None:
    suite = load_suite("bash")
    assert isinstance(suite, BashSuite)
    assert suite.name == "bash"
    assert suite.semantics == "persistent"


def test_there_are_many_tasks_over_several_file_systems() -> None:
    counts = Counter(task.metadata["filesystem"] for task in SUITE.tasks)
    assert len(SUITE.tasks) >= 48
    assert len(counts) >= 5
    assert min(counts.values()) >= 10
    levels = Counter(task.metadata["difficulty"] for task in SUITE.tasks)
    assert set(levels) == {"easy", "medium", "hard"}
    assert min(levels.values()) >= 10


def test_ids_are_unique_and_begin_with_the_file_system() -> None:
    assert len(TASKS) == len(SUITE.tasks)
    for task in SUITE.tasks:
        assert re.fullmatch(rf"{task.metadata['filesystem']}-[a-z0-9-]+", task.id)


def test_every_file_system_loads_and_lies_in_the_working_folder() -> None:
    for file in DATA.glob("*/filesystem.json"):
        manifest = Manifest.load(file)
        paths = [entry.path for entry in manifest.entries]
        assert len(set(paths)) == len(paths) >= 15
        assert all(path == "/work" or path.startswith("/work/") for path in paths)
        assert all(entry.mtime is not None for entry in manifest.entries)


def test_file_systems_differ_from_each_other() -> None:
    images = {task.image.digest for task in SUITE.tasks}
    assert len(images) == len(list(DATA.glob("*/filesystem.json")))


def test_tasks_of_one_file_system_share_one_image() -> None:
    assert len({id(task.image) for task in SUITE.tasks}) == len(
        {task.metadata["filesystem"] for task in SUITE.tasks}
    )


def test_the_data_is_small() -> None:
    assert sum(file.stat().st_size for file in DATA.rglob("*") if file.is_file()) < 300_000


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda task: str(task.id))
def test_a_task_says_what_it_wants_and_where_it_comes_from(task: Any) -> None:
    assert len(task.query) > 60
    assert task.gold
    assert task.compare in COMPARERS
    assert len(task.metadata["provenance"]) > 20


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda task: str(task.id))
def test_a_gold_names_nothing_outside_and_nothing_that_changes(task: Any) -> None:
    gold = "\n".join(task.gold)
    for word in (r"/work\b", r"/tmp\b", "/home", "/root", "~/", r"\$HOME"):
        assert not re.search(word, gold + task.query), word
    for word in (r"[(;|&] ?date\b", r"\$RANDOM", r"\$\$", r"\bshuf\b", "EPOCH", "mktemp"):
        assert not re.search(word, gold), word


def test_multi_step_tasks_are_there_and_use_the_shells_state() -> None:
    several = [task for task in SUITE.tasks if len(task.gold) > 1]
    assert len(several) >= 20
    assert sum(task.gold[0].startswith("cd ") for task in several) >= 8


def test_the_base_of_all_images_can_be_chosen() -> None:
    assert {task.image.base for task in SUITE.tasks} == {"host"}
    other = load("bash", base="/srv/debian")
    assert {task.image.base for task in other.tasks} == {"/srv/debian"}
    assert other.digest != SUITE.digest


def test_a_compat_mode_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"no mode 'intercode'.*leave out --compat.*intercode/"):
        load("bash", compat="intercode")


def test_unknown_semantics_are_refused() -> None:
    with pytest.raises(InputError, match="persistent or per-step, not 'sometimes'"):
        load("bash", semantics="sometimes")  # type: ignore[arg-type]


def test_per_step_semantics_join_a_gold_into_one_action() -> None:
    fresh = load("bash", semantics="per-step")
    for task in fresh.tasks:
        assert task.gold == ("\n".join(TASKS[task.id].gold),)
    assert fresh.digest != SUITE.digest


def test_the_digest_is_the_same_for_the_same_data_and_another_for_any_other(
    tmp_path: Path,
) -> None:
    assert load("bash").digest == SUITE.digest
    digests = set()
    changes: list[dict[str, Any]] = [
        {},
        {"id": "u"},
        {"query": "Print one."},
        {"gold": ["echo 2"]},
        {"compare": "lines"},
        {"ignore": ["*.tmp"]},
        {"difficulty": "hard"},
    ]
    for number, change in enumerate(changes):
        folder = tmp_path / str(number)
        folder.mkdir()
        digests.add(load("bash", data=data_folder(folder, a_task(**change))).digest)
    assert len(digests) == len(changes)


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    suite = load("bash", data=data_folder(tmp_path, a_task(ignore=["*.tmp"])))
    (task,) = suite.tasks
    assert task.gold == ("echo 1",)
    assert task.compare == "normalised"
    assert task.metadata["ignore"] == ("*.tmp",)
    assert task.metadata["filesystem"] == "world"


def test_a_folder_without_tasks_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match=rf"no Bash tasks in {tmp_path}.*leave out --data"):
        read_tasks(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gold": "echo 1"}, "'t'.*gold is a list"),
        ({"gold": []}, "'t'.*gold is a list"),
        ({"compare": "vaguely"}, r"tasks\.json.*no comparer 'vaguely'"),
    ],
)
def test_a_task_that_cannot_be_used_is_named(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(TaskDataError, match=said):
        read_tasks(data_folder(tmp_path, a_task(**change)))


@pytest.mark.parametrize("field", ["id", "query", "gold", "difficulty"])
def test_a_task_that_lacks_a_field_is_refused(tmp_path: Path, field: str) -> None:
    task = a_task()
    del task[field]
    with pytest.raises(TaskDataError, match=rf"tasks\.json: no '{field}'"):
        read_tasks(data_folder(tmp_path, task))


def test_two_tasks_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match="have the id 't'; rename one"):
        read_tasks(data_folder(tmp_path, a_task(), a_task()))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = data_folder(tmp_path, a_task())
    (folder / "world" / "tasks.json").write_text("{")
    with pytest.raises(TaskDataError, match=r"Cannot read the tasks in .*tasks\.json"):
        read_tasks(folder)


def test_a_missing_file_system_is_named(tmp_path: Path) -> None:
    folder = data_folder(tmp_path, a_task())
    (folder / "world" / "filesystem.json").unlink()
    with pytest.raises(TaskDataError, match=r"filesystem\.json"):
        read_tasks(folder)
