"""Tables over run folders and result files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from asynccode.cli import main
from asynccode.records import Step, StopReason
from asynccode.results.sources import read_batches
from asynccode.runfolder import EPISODES, MANIFEST
from tests.test_runfolder import episode, fill


def summary(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main(["summary", *map(str, words), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert isinstance(made, dict)
    return made


def broken(task: str, attempt: int = 0) -> Any:
    return episode(task, attempt, StopReason.HARNESS_ERROR, reward=None, solved=False, error="x")


def test_a_harness_error_is_never_a_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = episode("t1", reward=0.5, solved=False)
    stopped = episode("t3", stop=StopReason.CANCELLED, reward=None, solved=False)
    lost = episode("t4", stop=StopReason.POLICY_ERROR, reward=None, solved=False)
    fill(tmp_path, episode(), failed, broken("t2"), stopped, lost)
    (one,) = summary(capsys, tmp_path)["experiments"]
    assert (one["episodes"], one["judged"], one["harness_errors"]) == (5, 2, 1)
    assert one["success_rate"]["value"] == 0.5
    assert one["success_rate"]["n"] == 2
    assert one["reward"]["value"] == 0.75
    ends = {"submitted": 2, "harness_error": 1, "cancelled": 1, "policy_error": 1}
    assert one["stop_reasons"] == ends
    assert main(["summary", str(tmp_path)]) == 0
    assert "| harness errors | cancelled |" in capsys.readouterr().out
    fill(tmp_path, episode("t2"))  # a run that goes on plays the broken and stopped ones again
    (one,) = summary(capsys, tmp_path)["experiments"]
    assert (one["episodes"], one["harness_errors"], one["played_again"]) == (3, 0, 3)


def test_where_nobody_was_judged_no_table_is_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"difficulty": "easy", "filesystem": "fs-1"}
    lost = [evolve(broken(f"t{n}"), labels=labels) for n in range(2)]
    fill(tmp_path / "lost", *lost)
    fill(tmp_path / "whole", episode("t0", labels=labels))
    assert main(["summary", str(tmp_path / "lost")]) == 0
    out = capsys.readouterr().out
    assert "harness errors" in out
    assert "success by" not in out
    assert "|  |" not in out.splitlines()
    assert main(["summary", str(tmp_path / "whole")]) == 0
    assert "success by difficulty" in capsys.readouterr().out


def test_attempts_give_pass_at_k(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = [episode("t0", n, solved=n == 0) for n in range(4)]
    second = [episode("t1", n, solved=False) for n in range(5)]
    fill(tmp_path, *first, *second, broken("t1", 7))
    (one,) = summary(capsys, tmp_path)["experiments"]
    passed = {k: row["value"] for k, row in one["pass_at"].items()}
    assert passed == {"1": 0.125, "2": 0.25, "4": 0.5}
    (one,) = summary(capsys, tmp_path, "--k", "3,5")["experiments"]
    passed = {k: (row["value"], row["n"]) for k, row in one["pass_at"].items()}
    assert passed == {"3": (0.375, 2), "5": (0.0, 1)}


def test_errors_are_the_mean_of_what_each_episode_could_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def steps(*valid: bool | None) -> tuple[Step, ...]:
        return tuple(Step(action="x", observation="", valid=flag) for flag in valid)

    fill(
        tmp_path,
        episode("t0", steps=steps(False)),
        episode("t1", steps=steps(True, True, True, False)),
        episode("t2", steps=steps(None)),
    )
    (one,) = summary(capsys, tmp_path)["experiments"]
    assert one["error"]["value"] == (1 + 0.25) / 2
    assert one["error"]["n"] == 2
    assert one["turns"]["value"] == 2


def test_a_turn_that_was_not_scored_is_no_failed_first_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = tuple(Step(action="x", observation="", reward=0.0) for _ in range(2))
    for feedback in ("hidden", "shown"):
        fill(tmp_path / feedback, episode("0", steps=steps), feedback=feedback)
    hidden, shown = summary(capsys, tmp_path)["experiments"]
    assert hidden["first_turn"] is None
    assert shown["first_turn"]["value"] == 0


def test_runs_on_other_parts_are_one_experiment_and_on_the_same_part_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        name = f"intercode/nl2bash-{number}"
        made = episode("0", suite=name, solved=number == 1)
        fill(tmp_path / f"part{number}", made, suite=name)
    fill(tmp_path / "again", episode("0", suite="intercode/nl2bash-1"), suite="intercode/nl2bash-1")
    first, second = summary(capsys, tmp_path)["experiments"]
    # By name: "again" comes first, and "part2" fits to it.
    assert (first["suite"], first["episodes"]) == ("intercode/nl2bash", 2)
    assert (second["suite"], second["episodes"]) == ("intercode/nl2bash-1", 1)
    assert list(first["groups"]["filesystem"]) == ["1", "2"]
    assert first["groups"]["filesystem"]["2"]["success_rate"]["value"] == 0


def test_another_setting_is_another_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2}, {"seed": 2, "feedback": "full"}]
    for number, changed in enumerate(settings):
        suite = f"intercode/nl2bash-{number + 1}"
        fill(tmp_path / str(number), episode("0", suite=suite), suite=suite, **changed)
    made = summary(capsys, tmp_path)
    assert [one["settings"]["seed"] for one in made["experiments"]] == [1, 2, 2]


def test_an_agents_settings_say_who_acted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = {"model": "org/m", "strategy": "plan-and-solve", "refine": 3, "hint": True}
    made = episode("0", tokens_in=70, tokens_out=5)
    fill(tmp_path, made, episode("1", tokens_in=30), policy="chat:org/m", agent=agent)
    (one,) = summary(capsys, tmp_path)["experiments"]
    assert (one["model"], one["strategy"]) == ("org/m", "plan-and-solve+refine-3")
    assert (one["schema"], one["tokens_in"], one["tokens_out"]) == (True, 100, 5)


def test_a_folder_cut_at_any_byte_is_read_and_says_what_is_missing(tmp_path: Path) -> None:
    fill(tmp_path, episode(), episode("t1", observation="é\n\x00"), episode("t2"))
    data = (tmp_path / EPISODES).read_bytes()
    for end in range(data.index(b"\n") + 1, len(data) + 1):
        (tmp_path / EPISODES).write_bytes(data[:end])
        (batch,) = read_batches([tmp_path])
        assert len(batch.attempts) == data[:end].count(b"\n")
        assert ("cut off" in "".join(batch.skipped)) == (data[end - 1] != ord("\n"))


def test_a_damaged_line_costs_its_episode_alone(tmp_path: Path) -> None:
    fill(tmp_path, episode(), episode("t1"), episode("t2"))
    lines = (tmp_path / EPISODES).read_bytes().splitlines(keepends=True)
    bad = [b"{]\n", b"3\n", b'{"task_id": "x"}\n', b'{"task_id": "x", "steps": [1]}\n', b"\xff\n"]
    deep = b"[" * 100_000 + b"\n"
    (tmp_path / EPISODES).write_bytes(b"".join([lines[0], *bad, deep, lines[1], lines[1]]))
    (batch,) = read_batches([tmp_path])
    assert [attempt.task_id for attempt in batch.attempts] == ["t0", "t1"]
    assert len(batch.skipped) == len(bad) + 2
    assert "line 2: it is no episode" in batch.skipped[0]
    assert "task 't1', attempt 0 was there already" in batch.skipped[-1]


def test_a_file_of_something_else_does_not_fill_the_screen(tmp_path: Path) -> None:
    fill(tmp_path / "run", episode())
    (tmp_path / "other.jsonl").write_text('{"messages": []}\n' * 500)
    other, run = read_batches([tmp_path])
    assert len(run.attempts) == 1
    assert len(other.skipped) == 22  # no manifest, 20 lines, and how many more
    assert other.skipped[-1].endswith("480 more lines are left out.")


def test_what_is_not_a_number_is_no_reward(tmp_path: Path) -> None:
    line = '{"task_id": "x", "steps": [], "reward": NaN, "query": null, "solved": false}\n'
    (tmp_path / EPISODES).write_text(line)
    (batch,) = read_batches([tmp_path])
    assert batch.attempts[0].reward is None


def test_folders_of_older_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"suite": "old"}')
    line = {"task_id": 3, "steps": [{"action": "ls"}], "reward": 1}
    (tmp_path / EPISODES).write_text(json.dumps(line) + "\n")
    (batch,) = read_batches([tmp_path])
    (attempt,) = batch.attempts
    assert (attempt.task_id, attempt.solved, attempt.turns) == ("3", True, 1)
    (tmp_path / MANIFEST).write_text('{"suite"')
    (batch,) = read_batches([tmp_path])
    assert "manifest.json" in batch.skipped[0]
    assert batch.suite == "?"


def test_a_file_that_is_no_result_is_said_not_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "run", episode())
    (tmp_path / "notes.json").write_text("[1]")
    made = summary(capsys, tmp_path)
    assert len(made["experiments"]) == 1
    (note,) = made["skipped"]
    assert "notes.json is not a recorded InterCode result" in note


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_no_episodes_at_all_is_an_input_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["summary", str(tmp_path / name)]) == 2
    assert "name " in capsys.readouterr().err


def test_csv_is_one_row_a_figure_and_safe_to_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, episode(), policy="=HYPERLINK(1)|2")
    assert main(["summary", str(tmp_path), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["model"] for row in rows} == {"'=HYPERLINK(1)|2"}
    by_measure = {row["measure"]: row for row in rows}
    assert by_measure["success_rate"]["value"] == "1.0"
    assert by_measure["harness_errors"]["value"] == "0"
    assert main(["summary", str(tmp_path)]) == 0
    assert "=HYPERLINK(1)\\|2" in capsys.readouterr().out


@pytest.mark.data
def test_the_papers_figures_come_out_of_its_files(
    intercode_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = summary(capsys, intercode_data / "results")
    assert made["skipped"] == []
    found = {(one["family"], one["strategy"], one["schema"]): one for one in made["experiments"]}

    def shown(value: float) -> str:
        return f"{100 * value:.1f}"

    bash = found["intercode/nl2bash", "try-again", False]
    assert shown(bash["success_rate"]["value"]) == "45.6"
    assert f"{bash['turns']['value']:.2f}" == "6.27"
    assert shown(bash["error"]["value"]) == "23.3"
    react = found["intercode/spider", "react", False]
    assert shown(react["success_rate"]["value"]) == "58.7"
    assert f"{react['turns']['value']:.2f}" == "5.30"
    assert shown(react["error"]["value"]) == "6.9"
    schema = found["intercode/spider", "try-again", True]
    groups = schema["groups"]["difficulty"]
    rates = [shown(group["success_rate"]["value"]) for group in groups.values()]
    assert list(groups) == ["easy", "medium", "hard", "extra"]
    assert rates == ["92.7", "74.9", "67.2", "43.4"]
    assert found["intercode/mbpp", "try-again", False]["error"] is None  # nobody wrote it down
    # What the files hold in full is met to the digit; the rest is told apart.
    assert made["published"].get("different", 0) == 0
    assert made["published"]["same"] == 14
    for one in made["experiments"]:
        for row in one["published"]:
            assert row["verdict"] == "same" or row["tasks"] < row["of"]
