"""Run folders in formats that others read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from asynccode.cli import main
from asynccode.outcomes import Outcome
from asynccode.records import Step, StopReason
from asynccode.results.folder import whole
from asynccode.results.messages import messages_of
from asynccode.results.sources import read_batch
from asynccode.tasks.intercode.recordings import read_recording
from tests.test_runfolder import episode, fill

SUITE = "intercode/nl2bash-3"


def steps(*rewards: float | None) -> tuple[Step, ...]:
    return tuple(
        Step(action=f"echo {n}", observation=f"{n}\n", reward=reward, valid=n % 2 == 0)
        for n, reward in enumerate(rewards)
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    broken = episode("3", stop=StopReason.HARNESS_ERROR, reward=None, solved=False, suite=SUITE)
    fill(
        tmp_path / "run",
        episode("0", suite=SUITE, steps=steps(None, 1.0)),
        # Ran out: its score is in no step.
        episode("1", suite=SUITE, steps=steps(None, None, None), reward=0.67, solved=False),
        episode("0", 1, suite=SUITE, steps=steps(0.3, -0.5), reward=-0.5, solved=False),
        broken,
        suite=SUITE,
        policy="chat:org/model 1",
    )
    return tmp_path / "run"


def exported(capsys: pytest.CaptureFixture[str], path: Path, *words: object) -> dict[str, Any]:
    assert main(["export", str(path), *map(str, words), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert isinstance(made, dict)
    return made


def test_the_originals_format_reads_back_as_it_was(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = exported(capsys, run, "--to", "intercode")
    first, second = map(Path, made["files"])
    name = "ic_bash_multiturn_org-model-1_10_turns_fs_3.json"
    assert (first, second) == (run / "intercode" / name, run / "intercode/attempt_1" / name)
    recording = read_recording(first)
    assert (recording.suite, recording.model) == (SUITE, "org-model-1")
    back = {attempt.task_id: attempt for attempt in read_batch(first).attempts}
    for attempt in read_batch(run).attempts:
        if attempt.attempt == 0 and attempt.is_judged:
            again = back.pop(attempt.task_id)
            assert (again.solved, again.reward) == (attempt.solved, attempt.reward)
            assert (again.turns, again.error_share) == (attempt.turns, attempt.error_share)
            assert again.labels == attempt.labels
    assert back == {}
    ran_out = recording.episodes[1]
    assert [turn.reward for turn in ran_out.turns] == [None, None, 0.67]
    assert not ran_out.scored_every_turn
    assert read_recording(second).episodes[0].reward == -0.5


def test_the_best_turn_counts_where_all_were_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = episode("0", suite=SUITE, steps=steps(0.3, -0.5), reward=-0.5, solved=False)
    fill(tmp_path, made, suite=SUITE, feedback="shown")
    (file,) = exported(capsys, tmp_path, "--to", "intercode")["files"]
    (back,) = read_recording(Path(file)).episodes
    assert (back.reward, back.scored_every_turn) == (0.3, True)
    assert [turn.reward for turn in back.turns] == [0.3, -0.5]


def test_thoughts_and_plans_are_written_as_the_original_wrote_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = (
        Step(action="echo [1]", observation="[1]\n", outcome=Outcome.OK, thought="look"),
        Step(action="what now?", observation="?", valid=False, thought="hm"),
        Step(action="submit", observation="", reward=1.0),
    )
    for strategy in ("react", "plan-and-solve", "try-again"):
        fill(tmp_path / strategy, episode(steps=taken, suite="bash"), agent={"strategy": strategy})
        made = exported(capsys, tmp_path / strategy, "--to", "intercode")
        recording = read_recording(Path(made["files"][0]))
        assert (recording.strategy, recording.suite) == (strategy, "bash")
        codes = [turn.code for turn in recording.episodes[0].turns]
        thoughts = [turn.thought for turn in recording.episodes[0].turns]
        invalid = None if strategy == "react" else "what now?"
        assert codes == ["echo [1]", invalid, "submit"]
        assert thoughts == ([None] * 3 if strategy == "try-again" else ["look", "hm", ""])


def test_an_episode_that_nobody_was_judged_in_is_left_out_and_said(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for to in ("intercode", "messages"):
        made = exported(capsys, run, "--to", to)
        (note,) = made["skipped"]
        assert "'3'" in note
        assert "harness_error" in note
        assert "'3'" not in "".join(
            Path(file).read_text(encoding="utf-8") for file in made["files"]
        )


def test_messages_are_put_together_where_no_model_was_asked(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = exported(capsys, run, "--to", "messages", "--solved")
    (file,) = made["files"]
    (line,) = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    assert [message["role"] for message in line["messages"]] == ["user", "assistant"] * 2
    assert line["messages"][2]["content"] == "0\n"
    assert (line["task_id"], line["reward"], line["policy"]) == ("0", 1.0, "chat:org/model 1")


def test_messages_of_a_model_are_its_own_to_the_letter() -> None:
    system, query = {"role": "system", "content": "Act."}, {"role": "user", "content": "?"}
    tool = {"role": "tool", "content": "", "tool_call_id": "1"}
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    done = {"role": "assistant", "content": "done"}
    calls = [{"messages": [system, query], "reply": called}, {"messages": [tool], "reply": done}]
    record = whole(
        {
            "task_id": "0",
            "steps": [{"action": "a", "calls": calls[:1]}, {"action": "b", "calls": calls[1:]}],
        }
    )
    assert messages_of(record) == [system, query, called, tool, done]


def test_parquet_holds_a_row_an_episode(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = exported(capsys, run, "--to", "parquet")
    table = pq.read_table(made["files"][0])
    rows = table.to_pylist(maps_as_pydicts="strict")
    assert [(row["task_id"], row["attempt"]) for row in rows] == [
        ("0", 0),
        ("1", 0),
        ("0", 1),
        ("3", 0),
    ]
    assert rows[3]["reward"] is None
    assert rows[0]["steps"][1]["observation"] == "1\n"
    assert rows[0]["steps"][1]["reward"] == 1.0
    assert json.loads(table.schema.metadata[b"asynccode"])["suite"] == SUITE


def test_parquet_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asynccode.results import parquet

    monkeypatch.setattr(parquet, "GROUP_CHARACTERS", 3000)
    lines = (
        whole({"task_id": str(n), "steps": [{"action": "x" * 600}], "labels": {"a": "\ud800"}})
        for n in range(10)
    )
    (path,) = parquet.write({"suite": "s"}, lines, tmp_path / "out.parquet", print)
    assert pq.ParquetFile(path).metadata.num_row_groups > 3
    assert pq.read_table(path).num_rows == 10


@pytest.mark.parametrize("to", ["intercode", "messages", "parquet"])
def test_a_run_that_grows_is_read_an_episode_at_a_time(tmp_path: Path, to: str) -> None:
    """Ten times the episodes take no more memory: looked at in a process of its own."""
    peaks = []
    for count in (60, 600):
        folder = tmp_path / str(count)
        text = "".join(chr(32 + n % 90) for n in range(100_000))
        made = episode(observation=text)
        fill(folder, made)
        line = (folder / "episodes.jsonl").read_text()
        with (folder / "episodes.jsonl").open("w") as file:
            file.writelines(line.replace('"t0"', f'"t{n}"') for n in range(count))
        code = (
            "import resource, sys; from asynccode.cli import main; "
            f"status = main(['export', {str(folder)!r}, '--to', {to!r}]); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024); sys.exit(status)"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        peaks.append(int(ran.stdout.split()[-1]))
    small, large = peaks
    assert large < small + 40, peaks  # MiB; all 600 together are 60 MiB of text, twice over


def test_without_pyarrow_it_is_said_what_to_install(run: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None; from asynccode.cli import main; "
        f"sys.exit(main(['export', {str(run)!r}, '--to', 'parquet']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "pip install 'asynccode[parquet]'" in ran.stderr
    assert not (run / "episodes.parquet").exists()


def test_nothing_to_export_leaves_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, episode(solved=False, reward=0.0))
    (tmp_path / "messages.jsonl").write_text("mine")
    words = ["export", str(tmp_path), "--to", "messages", "--solved"]
    assert main(words) == 2
    assert "no solved episodes" in capsys.readouterr().err
    assert (tmp_path / "messages.jsonl").read_text() == "mine"
    assert main(["export", str(tmp_path / "none"), "--to", "messages"]) == 2


@pytest.mark.data
def test_the_originals_own_files_come_out_as_they_were(
    intercode_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (
        "bash/ic_bash_react_10_turns_fs_3",
        "bash/ic_bash_plan_solve_fs_3",
        "python/ic_python_multiturn_gpt-3.5_7_turns",
    ):
        path = intercode_data / "results" / f"{name}.json"
        made = exported(capsys, path, "--to", "intercode", "--output", tmp_path)
        before, after = read_recording(path), read_recording(Path(made["files"][0]))
        assert (after.suite, after.model) == (before.suite, before.model)
        assert (after.strategy, after.max_turns) == (before.strategy, before.max_turns)
        assert after.episodes == before.episodes
