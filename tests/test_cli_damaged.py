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
