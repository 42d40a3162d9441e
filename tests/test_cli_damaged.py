"""Run folders that somebody has damaged: commands say what is wrong, in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asynccode.cli import main

SUITE = "asynccode.testing.fakes:FakeSuite"
FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Give the folder of a run of two episodes."""
    made = tmp_path / "run"
    assert main(["run", SUITE, *FAKE, "--limit", "2", "--output", str(made)]) == 0
    capsys.readouterr()
    return made


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    status = main([*map(str, words), "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("manifest", "words", "text"),
    [
        ("{}", [], "The manifest.json of {} does not name a suite: name --suite."),
        ('{"suite": 7}', [], "does not name a suite: name --suite."),
        ('{"limits": 5}', ["--suite", SUITE], "The manifest.json of {} is damaged"),
        ('{"limits": {"step_seconds": "x"}}', ["--suite", SUITE], "is damaged"),
        ('{"budget": {"cal": 1}}', ["--suite", SUITE], "is damaged"),
        ('{"max_turns": null}', ["--suite", SUITE], "is damaged"),
        ('{"feedback": "loud"}', ["--suite", SUITE], "There is no feedback 'loud'"),
    ],
)
def test_a_damaged_manifest_is_not_replayed(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    manifest: str,
    words: list[str],
    text: str,
) -> None:
    (folder / "manifest.json").write_text(manifest)
    status, result = told(capsys, "replay", folder, *FAKE, *words)
    assert status == 2
    assert text.format(folder) in result["error"]


def test_a_manifest_without_a_suite_is_replayed_with_one_that_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "manifest.json").write_text("{}")
    status, result = told(capsys, "replay", folder, *FAKE, "--suite", SUITE)
    assert status == 0
    assert result["same_reward"] == 1.0


DAMAGE: dict[str, tuple[dict[str, Any], str]] = {
    "a reward in words": ({"reward": "hi"}, 'its reward cannot be "hi"'),
    "a reward that is true": ({"reward": True}, "its reward cannot be true"),
    "a reward without end": ({"reward": float("nan")}, "its reward cannot be NaN"),
    "an unknown end": ({"stop_reason": "bored"}, 'its stop_reason cannot be "bored"'),
    "an end that is a list": ({"stop_reason": []}, "its stop_reason cannot be []"),
    "no task": ({"task_id": None}, "its task_id cannot be null"),
    "a task that is a list": ({"task_id": ["t1"]}, 'its task_id cannot be ["t1"]'),
    "an attempt in words": ({"attempt": "one"}, 'its attempt cannot be "one"'),
    "steps that are none": ({"steps": [5]}, "its steps cannot be [5]"),
    "steps without actions": ({"steps": [{"observation": ""}]}, "its steps cannot be"),
    "tokens in words": ({"tokens_in": "many"}, 'its tokens_in cannot be "many"'),
}


def damage(folder: Path, changed: dict[str, Any]) -> bytes:
    """Change the second line of the episodes; give the whole file."""
    file = folder / "episodes.jsonl"
    first, second = file.read_text().splitlines()
    file.write_text(first + "\n" + json.dumps({**json.loads(second), **changed}) + "\n")
    return file.read_bytes()


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_line_is_refused_by_its_number(
    folder: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    changed, text = DAMAGE[kind]
    before = damage(folder, changed)
    for words in (["run", SUITE, *FAKE, "--output", folder], ["replay", folder, *FAKE]):
        status, result = told(capsys, *words)
        assert status == 2
        assert f"Line 2 of {folder / 'episodes.jsonl'} is no episode: {text}" in result["error"]
    assert (folder / "episodes.jsonl").read_bytes() == before


@pytest.mark.parametrize("line", ["[]", "7", "{}", "[" * 100_000, '{"task_id": "t1"}'])
def test_a_line_that_holds_something_else_is_refused_by_its_number(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    with (folder / "episodes.jsonl").open("a") as file:
        file.write(line + "\n")
    status, result = told(capsys, "run", SUITE, *FAKE, "--output", folder)
    assert status == 2
    assert "Line 3 of" in result["error"]


@pytest.mark.parametrize("kind", ["a reward in words", "an unknown end", "no task"])
def test_a_summary_leaves_a_damaged_line_out_and_names_it(
    folder: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    damage(folder, DAMAGE[kind][0])
    status, result = told(capsys, "summary", folder)
    assert status == 0
    assert result["experiments"][0]["episodes"] == 1
    (note,) = result["skipped"]
    assert "line 2: it is no episode and is left out" in note


def test_steps_that_lack_what_is_compared_are_compared_as_lacking_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder, {"steps": [{"action": "echo 1"}, {"action": "submit", "kind": "submit"}]})
    status, result = told(capsys, "replay", folder, *FAKE)
    assert status == 0
    assert result["same_observation"] == 0.5


@pytest.mark.parametrize("name", ["", " "])
@pytest.mark.parametrize("command", ["run", "export", "view"])
def test_an_output_without_a_name_is_not_the_current_folder(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    name: str,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    words = [SUITE, *FAKE] if command == "run" else [str(folder)]
    words += ["--to", "messages"] if command == "export" else []
    status, result = told(capsys, command, *words, "--output", name)
    assert status == 2
    said = f"Argument --output: must name a place to write to, not {name!r}"
    assert result["error"].startswith(said)
    assert list((tmp_path / "here").iterdir()) == []
