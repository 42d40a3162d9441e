from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from asynccode.cli import main
from asynccode.cli.audit import judge
from asynccode.cli.output import shorten
from asynccode.errors import PolicyError, Unavailable
from asynccode.interfaces import Health, Policy
from asynccode.policies import Noop
from asynccode.records import Action, Turn
from asynccode.runfolder import read_episodes
from asynccode.testing import conformance
from asynccode.testing.fakes import FakeBackend, FakeSuite, Faults, fake_tasks

SUITE = "asynccode.testing.fakes:FakeSuite"
FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]


class Broken(FakeBackend):
    def __init__(self) -> None:
        super().__init__(Faults(fail={"run": 10_000}))


class Nowhere(FakeBackend):
    name = "nowhere"

    def __init__(self) -> None:
        super().__init__(Faults(fail={"prepare": 1}, error=Unavailable, text="no such kernel"))

    @classmethod
    async def probe(cls) -> Health:
        return Health(available=False, reason="no such kernel", remedy="boot another")


class Tidy(FakeBackend):
    name = "tidy"

    @classmethod
    async def clean(cls) -> tuple[str, ...]:
        return ("a folder", "a process")


class Refusing(Policy):
    async def act(self, turn: Turn) -> Action:
        raise PolicyError("not today")


def generous() -> FakeSuite:
    return FakeSuite(fake_tasks(2, gold="echo 0"), name="generous")


def generous_suite(name: str, **options: Any) -> FakeSuite:
    return generous()


class Cli:
    """Runs commands in this process and gives what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        out, err = self.capsys.readouterr()
        return status, out, err

    def json(self, *words: object) -> tuple[int, dict[str, Any]]:
        status, out, _ = self(*words, "--json")
        value = json.loads(out, parse_constant=lambda name: pytest.fail(name))
        assert isinstance(value, dict)
        return status, value


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def test_run_gives_the_promised_figures(cli: Cli) -> None:
    status, result = cli.json("run", SUITE, *FAKE, "--attempts", 2)
    assert status == 0
    promised = (
        "suite backend policy episodes solved success_rate mean_reward mean_turns steps"
        " wall_seconds episodes_per_second steps_per_second peak_concurrency harness_errors"
        " outcomes output"
    )
    assert set(promised.split()) <= set(result)
    assert (result["suite"], result["backend"], result["policy"]) == ("fake", "fake", "gold")
    assert (result["episodes"], result["solved"], result["success_rate"]) == (20, 20, 1.0)
    assert (result["mean_reward"], result["mean_turns"], result["steps"]) == (1.0, 2.0, 40)
    assert result["outcomes"] == {"ok": 20}
    assert result["output"] is None


def test_run_prints_a_table_and_keeps_standard_error_for_the_rest(cli: Cli) -> None:
    status, out, err = cli("run", SUITE, *FAKE)
    assert status == 0
    assert "fake on fake, policy gold" in out
    assert "10 (100.0%)" in out
    assert "WARNING: the backend 'fake' does not isolate network, processes." in err


def test_run_without_solving_is_no_failure(cli: Cli) -> None:
    status, result = cli.json("run", SUITE, *FAKE, "--policy", "noop", "--limit", 3)
    assert status == 0
    assert (result["episodes"], result["solved"], result["mean_reward"]) == (3, 0, 0.0)


def test_run_with_a_broken_harness_fails_and_rewards_nothing(cli: Cli) -> None:
    status, result = cli.json("run", SUITE, "--backend", f"{__name__}:Broken")
    assert status == 1
    assert result["harness_errors"] == 10
    assert result["mean_reward"] is None
    assert result["success_rate"] is None


def test_run_resumes(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    _, first = cli.json("run", SUITE, *FAKE, "--output", folder, "--limit", 4)
    assert (first["episodes"], first["resumed"], first["output"]) == (4, 0, str(folder))
    _, second = cli.json("run", SUITE, *FAKE, "--output", folder)
    assert (second["episodes"], second["resumed"], second["solved"]) == (10, 4, 10)
    _, third = cli.json("run", SUITE, *FAKE, "--output", folder)
    assert (third["episodes"], third["resumed"]) == (10, 10)
    keys = [(e["task_id"], e["attempt"]) for e in read_episodes(folder)]
    assert sorted(keys) == sorted((f"t{n}", 0) for n in range(10))
    status, error = cli.json("run", SUITE, *FAKE, "--output", folder, "--policy", "noop")
    assert status == 2
    assert 'other settings: policy was "gold", now "noop"' in error["error"]
    _, fresh = cli.json("run", SUITE, *FAKE, "--output", folder, "--policy", "noop", "--no-resume")
    assert (fresh["episodes"], fresh["solved"]) == (10, 0)


def test_run_plays_unjudged_episodes_again(cli: Cli, tmp_path: Path) -> None:
    args = ("run", SUITE, *FAKE, "--output", tmp_path, "--policy", f"{__name__}:Refusing")
    status, first = cli.json(*args)
    assert status == 0
    assert first["stop_reasons"] == {"policy_error": 10}
    assert first["success_rate"] is None
    _, second = cli.json(*args)
    assert (second["episodes"], second["resumed"]) == (10, 0)


def test_limits_from_the_command_line_are_in_the_manifest(cli: Cli, tmp_path: Path) -> None:
    cli("run", SUITE, *FAKE, "--output", tmp_path, "--timeout", 2.5, "--episode-timeout", 9)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["limits"]["step_seconds"] == 2.5
    assert manifest["limits"]["episode_seconds"] == 9.0


def test_a_run_folder_is_replayed(cli: Cli, tmp_path: Path) -> None:
    cli("run", SUITE, *FAKE, "--output", tmp_path, "--attempts", 2, "--limit", 3)
    status, result = cli.json("replay", tmp_path, *FAKE)
    assert status == 0
    promised = (
        "episodes turns same_reward same_observation same_max_reward success_rate_recorded"
        " success_rate_replayed harness_errors wall_seconds turns_per_second differences"
    )
    assert set(promised.split()) <= set(result)
    assert (result["episodes"], result["turns"]) == (6, 12)
    assert result["same_reward"] == result["same_observation"] == 1.0
    status, out, _ = cli("replay", tmp_path / "episodes.jsonl", *FAKE, "--limit", 1)
    assert status == 0
    assert "100.00%" in out


def test_a_replay_shows_what_differs(cli: Cli, tmp_path: Path) -> None:
    cli("run", SUITE, *FAKE, "--output", tmp_path, "--limit", 2)
    file = tmp_path / "episodes.jsonl"
    file.write_text(file.read_text().replace('"observation": "1\\n"', '"observation": "one\\n"'))
    status, result = cli.json("replay", tmp_path, *FAKE)
    assert status == 0
    assert result["same_observation"] == 0.5
    assert result["differences"][0]["observation"] == ["one\n", "1\n"]


def test_tasks_lists(cli: Cli) -> None:
    status, result = cli.json("tasks", SUITE, "--limit", 2)
    assert status == 0
    assert [task["id"] for task in result["tasks"]] == ["t0", "t1"]
    assert result["tasks"][1]["gold"] == ["echo 1"]
    assert "Print 1." in cli("tasks", SUITE)[1]


def test_the_audit_passes_fair_tasks(cli: Cli) -> None:
    status, result = cli.json("tasks", SUITE, *FAKE, "--audit")
    assert status == 0
    assert result["ok"]
    assert result["tasks"][0] == {
        "id": "t0",
        "gold": [1.0, 1.0],
        "noop": 0.0,
        "empty": 0.0,
        "ok": True,
        "reason": None,
        "remarks": [],
    }


def test_the_audit_names_unfair_tasks(cli: Cli) -> None:
    name = f"{__name__}:generous_suite"
    status, result = cli.json("tasks", name, *FAKE, "--audit")
    assert status == 1
    assert [task["ok"] for task in result["tasks"]] == [True, False]
    assert result["tasks"][1]["reason"] == "gold does not earn 1.0"
    assert cli.json("tasks", name, *FAKE, "--audit", "--compat", "intercode")[0] == 0
    assert "FAILED" in cli("tasks", name, *FAKE, "--audit")[1]


@pytest.mark.parametrize(
    ("rewards", "reason"),
    [
        (([1.0, 1.0], 0.0, 0.5), None),
        (([1.0, 0.9], 0.0, 0.0), "two runs of gold disagree; gold does not earn 1.0"),
        (([1.0, 1.0], 0.67, 0.0), "doing nothing earns 0.67"),
        (([1.0, 1.0], 0.0, 0.8), "an empty answer earns 0.8"),
        (([1.0, None], 0.0, 0.0), "an episode was not scored; two runs of gold disagree"),
    ],
)
def test_what_is_fair(rewards: tuple[list[float | None], float, float], reason: str) -> None:
    assert judge("t", *rewards).reason == reason


def test_doctor_says_why_and_what_mends_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        "fake": "asynccode.testing.fakes:FakeBackend",
        "nowhere": f"{__name__}:Nowhere",
        "driverless": "a_driver_that_is_not_there:Backend",
    }
    monkeypatch.setattr("asynccode.registry.BACKENDS", table)
    status, result = cli.json("doctor")
    assert status == 0
    assert set(result) == {"backends"}
    assert result["backends"]["fake"]["available"] is True
    assert result["backends"]["nowhere"] == {
        "available": False,
        "version": None,
        "reason": "no such kernel",
        "remedy": "boot another",
    }
    assert result["backends"]["driverless"]["available"] is False
    assert "boot another" in cli("doctor")[1]
    monkeypatch.setattr("asynccode.registry.BACKENDS", {"nowhere": table["nowhere"]})
    assert cli("doctor")[0] == 1


def test_clean_tells_what_it_removed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"fake": "asynccode.testing.fakes:FakeBackend"}
    monkeypatch.setattr("asynccode.registry.BACKENDS", table)
    assert cli("clean") == (0, "Nothing was left behind.\n", "")
    table["tidy"] = f"{__name__}:Tidy"
    status, result = cli.json("clean")
    assert status == 0
    assert result["removed"] == {"fake": [], "tidy": ["a folder", "a process"]}
    assert "tidy: removed a folder" in cli("clean")[1]


def test_check_reports_every_check(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "SECONDS", 2.0)
    status, result = cli.json("check", "asynccode.testing.fakes:FakeBackend")
    assert status == 1, "the fake speaks no Bash"
    assert result["backend"] == "fake"
    counts = (result["passed"], result["failed"], result["skipped"])
    assert sum(counts) == len(result["checks"])
    assert all(set(check) == {"name", "ok", "reason"} for check in result["checks"])
    assert result["passed"]


def test_play_reads_a_pipe(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("echo 4\nsubmit\n"))
    status, out, err = cli("play", SUITE, *FAKE, "--task", "t4")
    assert status == 0
    assert "reward 1 (solved)\n" in out
    assert "Print 4." in err
    assert "\n$ 4\n" in err
    monkeypatch.setattr("sys.stdin", io.StringIO("echo nothing of the kind\n"))
    status, episode = cli.json("play", SUITE, *FAKE, "--task", 4)
    assert status == 0
    assert episode["task_id"] == "t4"
    assert episode["reward"] == 0.0


def test_long_reasons_are_cut() -> None:
    assert shorten(None) == ""
    assert shorten("short") == "short"
    assert shorten("x" * 1000) == "x" * 300 + "... (1000 characters)"


def test_noop_is_what_it_says() -> None:
    assert issubclass(Noop, Policy)
