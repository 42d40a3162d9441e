"""Loading InterCode's nl2bash, and what is said when it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asynccode.errors import InputError, TaskDataError
from asynccode.images import Commands, Manifest
from asynccode.registry import load_suite
from asynccode.tasks.bash import BashSuite
from asynccode.tasks.intercode.loader import load
from asynccode.tasks.intercode.suite import CompatSuite

IGNORED = "bin\ndev\netc\nhome\nlib\nproc\nroot\nrun\nsbin\nsys\nusr\nvar\n"


def clone(
    folder: Path, *, number: int = 2, holds: int | None = None, manifest: bool = True
) -> Path:
    """A folder laid out like a clone, with two tasks."""
    (folder / "data/nl2bash").mkdir(parents=True)
    tasks: list[dict[str, Any]] = [
        {"query": "What is in a?", "gold": "cat /w/a"},
        {"query": "Make b.", "gold": ["cd /w", "cp a b"]},
    ]
    (folder / f"data/nl2bash/nl2bash_fs_{number}.json").write_text(json.dumps(tasks))
    if manifest:
        (folder / "filesystems").mkdir()
        entries = [
            {"path": "/.gitignore", "type": "file", "mode": "644", "text": IGNORED},
            {"path": "/w", "type": "directory", "mode": "755"},
            {"path": "/w/a", "type": "file", "mode": "600", "text": "one two\n"},
        ]
        named = {"filesystem": f"nl2bash_fs_{holds or number}", "entries": entries}
        (folder / f"filesystems/fs_{number}.json").write_text(json.dumps(named))
    else:
        (folder / "docker/bash_scripts").mkdir(parents=True)
        script = "#!/bin/sh\nmkdir -p /w\necho 'one two' > /w/a\n"
        (folder / f"docker/bash_scripts/setup_nl2b_fs_{number}.sh").write_text(script)
        (folder / "docker/docker.gitignore").write_text(IGNORED)
    return folder


def test_a_folder_with_a_manifest_is_loaded(tmp_path: Path) -> None:
    suite = load_suite("intercode/nl2bash-2", data=clone(tmp_path), compat="intercode", base="host")
    assert isinstance(suite, CompatSuite)
    assert [task.id for task in suite.tasks] == ["0", "1"]
    assert suite.tasks[1].gold == ("cd /w", "cp a b")
    image = suite.tasks[0].image
    assert (image.base, image.workdir) == ("host", "/")
    assert [type(layer) for layer in image.layers] == [Manifest, Manifest, Commands]


def test_a_full_clone_is_loaded_from_its_script(tmp_path: Path) -> None:
    suite = load(
        "intercode/nl2bash-3",
        data=clone(tmp_path, number=3, manifest=False),
        compat="intercode",
        base=None,
    )
    image = suite.tasks[0].image
    assert image.base == "debian-12-intercode"
    first, second, *_ = image.layers
    assert isinstance(first, Manifest)
    assert [entry.path for entry in first.entries] == ["/setup_nl2b_fs_3.sh", "/.gitignore"]
    assert isinstance(second, Commands)
    assert second.lines == ("cd / && /setup_nl2b_fs_3.sh",)


def test_without_compat_the_tasks_are_played_our_way(tmp_path: Path) -> None:
    suite = load("intercode/nl2bash-2", data=clone(tmp_path), compat=None, base=None)
    assert isinstance(suite, BashSuite)
    assert all(isinstance(layer, Manifest) for layer in suite.tasks[0].image.layers)


def test_the_environment_variable_names_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASYNCCODE_DATA", str(clone(tmp_path)))
    assert len(load("intercode/nl2bash-2", data=None, compat=None, base=None).tasks) == 2


def test_digests_tell_modes_apart_and_not_the_day(tmp_path: Path) -> None:
    data = clone(tmp_path)
    suites = [
        load("intercode/nl2bash-2", data=data, compat=compat, base="host")
        for compat in ("intercode", "intercode", None)
    ]
    assert suites[0].digest == suites[1].digest != suites[2].digest
    assert isinstance(suites[0], CompatSuite)
    assert suites[0].reborn(1).tasks[0].image.digest != suites[0].tasks[0].image.digest


@pytest.mark.parametrize("name", ["intercode/nl2bash-5", "intercode/nl2bash", "intercode/foo"])
def test_an_unknown_data_set_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="nl2bash-1 to -4"):
        load(name, data=None, compat=None, base=None)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="--compat intercode"):
        load("intercode/nl2bash-1", data=None, compat="nonesuch", base=None)


def test_missing_data_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASYNCCODE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskDataError, match="--data DIR"):
        load("intercode/nl2bash-1", data=None, compat=None, base=None)
    with pytest.raises(TaskDataError, match="not a clone of InterCode"):
        load("intercode/nl2bash-1", data=tmp_path, compat=None, base=None)


def test_tasks_on_another_file_system_are_refused_with_both_named(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match="nl2bash_fs_2 cannot run on nl2bash_fs_1"):
        load("intercode/nl2bash-2", data=clone(tmp_path, holds=1), compat="intercode", base=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "list of InterCode tasks"),
        ('[{"query": "x"}]', "KeyError"),
        ('[{"query": "x", "gold": 3}]', "TypeError"),
        ('"text"', "TypeError"),
    ],
)
def test_damaged_tasks_are_named(tmp_path: Path, text: str, said: str) -> None:
    data = clone(tmp_path)
    (data / "data/nl2bash/nl2bash_fs_2.json").write_text(text)
    with pytest.raises(TaskDataError, match=said):
        load("intercode/nl2bash-2", data=data, compat=None, base=None)


def test_a_missing_file_system_is_named(tmp_path: Path) -> None:
    data = clone(tmp_path)
    (data / "filesystems/fs_2.json").unlink()
    with pytest.raises(TaskDataError, match="holds neither"):
        load("intercode/nl2bash-2", data=data, compat=None, base=None)
    other = clone(tmp_path / "other")
    (other / "data/nl2bash/nl2bash_fs_2.json").unlink()
    with pytest.raises(TaskDataError, match="No such file"):
        load("intercode/nl2bash-2", data=other, compat=None, base=None)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"filesystem": "nl2bash_fs_2"}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    data = clone(tmp_path)
    (data / "filesystems/fs_2.json").write_text(text)
    with pytest.raises(TaskDataError, match=r"fs_2\.json"):
        load("intercode/nl2bash-2", data=data, compat=None, base=None)


@pytest.mark.data
@pytest.mark.parametrize(("number", "count"), [(1, 60), (2, 53), (3, 60), (4, 27)])
def test_the_data_sets_have_their_sizes(intercode_data: Path, number: int, count: int) -> None:
    for compat in (None, "intercode"):
        suite = load(f"intercode/nl2bash-{number}", data=intercode_data, compat=compat, base=None)
        assert len(suite.tasks) == count
        assert all(task.query and task.gold for task in suite.tasks)
