"""Capture the flag from the command line: audits with remarks, guesses, seeds that are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asynccode.cli import main
from asynccode.interfaces import Policy, Worlds
from asynccode.records import Action, Remark, Submit, Task, Turn
from asynccode.runfolder import read_manifest
from asynccode.tasks.ctf.suite import load
from asynccode.testing.fakes import FakeSuite
from tests.intercode_ctf import clone, task

FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]
SEED = 5


class Informed(Policy):
    """Is wrong once, and then hands in the flag that the seed 5 makes."""

    async def act(self, turn: Turn) -> Action:
        suite = load("ctf", seed=SEED)
        flag = suite.flag(suite.variant(turn.task, turn.attempt))
        return Submit(answer=flag if turn.steps else "flag{no}")


class Remarked(FakeSuite):
    """Has a task with a fault, one that cannot be played, and one with a note."""

    def __init__(self) -> None:
        super().__init__(3, name="remarked")

    async def remarks(self, task: Task, worlds: Worlds) -> Sequence[Remark]:
        return {
            "t0": [Remark(kind="leak", text="it is in the open")],
            "t1": [Remark(kind="missing", text="its files", blocks=True)],
            "t2": [Remark(kind="note", text="all is well", is_fault=False)],
        }[task.id]


def as_json(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = main([*map(str, words), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_an_audit_adds_what_the_suite_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    name = f"{__name__}:Remarked"
    status, result = as_json(capsys, "tasks", name, *FAKE, "--audit")
    assert status == 1
    assert result["remarks"] == {"leak": ["t0"], "missing": ["t1"]}
    leak, missing, note = result["tasks"]
    assert (leak["ok"], leak["reason"], leak["gold"]) == (
        False,
        "leak: it is in the open",
        [1.0, 1.0],
    )
    assert (missing["reason"], missing["gold"]) == ("missing: its files", [None, None])
    assert (note["ok"], note["reason"]) == (True, None)
    main(["tasks", name, *FAKE, "--audit"])
    said = capsys.readouterr().out
    assert "note: all is well" in said
    assert "leak (1): t0" in said


def test_a_run_keeps_seed_and_guesses_and_is_played_again_with_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = ["--policy", f"{__name__}:Informed", "--limit", 2, "--attempts", 2]
    settings = ["--seed", SEED, "--guesses", 2]
    folder = tmp_path / "run"
    status, result = as_json(capsys, "run", "ctf", *FAKE, *policy, *settings, "--output", folder)
    assert (status, result["episodes"], result["solved"]) == (0, 4, 4)
    manifest = read_manifest(folder)
    assert (manifest["seed"], manifest["guesses"]) == (SEED, 2)
    status, result = as_json(capsys, "replay", folder, *FAKE)
    assert (status, result["same_reward"], result["success_rate_replayed"]) == (0, 1.0, 1.0)
    _, result = as_json(capsys, "run", "ctf", *FAKE, *policy, "--seed", 6)
    assert result["solved"] == 0
    _, result = as_json(capsys, "run", "ctf", *FAKE, *policy, "--seed", SEED, "--guesses", 1)
    assert result["stop_reasons"] == {"guess_limit": 4}


def test_a_run_says_which_files_are_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = clone(tmp_path, task(4), task(17, gold="picoCTF{p}"))
    words = ["run", "intercode/ctf", "--data", folder, *FAKE]
    status, result = as_json(capsys, *words)
    assert (status, result["harness_errors"], result["solved"]) == (1, 1, 1)
    (error,) = result["errors"]
    assert error.startswith("Task '4' of InterCode's CTF cannot be played: its files")
    main([str(word) for word in words])
    assert error in capsys.readouterr().err


def test_guesses_are_for_suites_that_limit_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "bash", *FAKE, "--guesses", "3"]) == 2
    assert "limits no guesses: leave out --guesses" in capsys.readouterr().err
