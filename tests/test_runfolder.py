from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from asynccode.errors import InputError, TaskDataError
from asynccode.lines import clean, dump_line
from asynccode.manifest import make_manifest
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Episode, Step, StopReason
from asynccode.runfolder import (
    EPISODES,
    MANIFEST,
    UNFINISHED,
    RunFolder,
    read_episodes,
    read_manifest,
)
from asynccode.testing.fakes import FakeBackend, FakeSuite

EPISODE_FIELDS = [
    *("task_id", "attempt", "suite", "backend", "query", "steps", "reward", "reward_parts"),
    *("solved", "stop_reason", "wall_seconds", "error", "tokens_in", "tokens_out", "labels"),
]
STEP_FIELDS = [
    *("action", "observation", "outcome", "exit_code", "reward", "valid", "seconds"),
    *("truncated", "kind", "shown", "price", "thought", "calls"),
]


def manifest(**changed: Any) -> dict[str, Any]:
    made = make_manifest(
        suite=FakeSuite(2),
        backend=FakeBackend(),
        images={"a": "built-a"},
        policy="gold",
        limits=Limits(),
        max_turns=10,
        seed=0,
        compat=None,
        command=["asynccode", "run"],
        versions={"asynccode": "0.1.0"},
        options={"attempts": 1},
    )
    return {**made, **changed}


def episode(
    task: str = "t0",
    attempt: int = 0,
    stop: StopReason = StopReason.SUBMITTED,
    observation: str = "out\n",
    **changed: Any,
) -> Episode:
    values: dict[str, Any] = {
        "task_id": task,
        "attempt": attempt,
        "suite": "fake",
        "backend": "fake",
        "query": "?",
        "steps": (Step(action="echo", observation=observation, outcome=Outcome.OK),),
        "reward": 1.0,
        "solved": True,
        "stop_reason": stop,
        "wall_seconds": 0.5,
    }
    return Episode(**{**values, **changed})


def fill(path: Path, *episodes: Episode, **changed: Any) -> None:
    with RunFolder.open(path, manifest(**changed)) as folder:
        for made in episodes:
            folder.append(made)


def test_what_is_kept_reads_back(tmp_path: Path) -> None:
    fill(tmp_path / "deep" / "run", episode(), episode("t1", 3))
    first, second = read_episodes(tmp_path / "deep" / "run")
    assert list(first) == EPISODE_FIELDS
    assert list(first["steps"][0]) == STEP_FIELDS
    assert first["stop_reason"] == "submitted"
    assert first["steps"][0]["outcome"] == "ok"
    assert (second["task_id"], second["attempt"]) == ("t1", 3)
    kept = read_manifest(tmp_path / "deep" / "run")
    assert kept["suite"] == "fake"
    assert kept["limits"]["step_seconds"] == 30.0
    assert kept["versions"] == {"asynccode": "0.1.0"}


def test_resuming_knows_what_is_done_and_counts_it(tmp_path: Path) -> None:
    fill(tmp_path, episode(), episode("t1", reward=0.5, solved=False))
    with RunFolder.open(tmp_path, manifest(command=["again"], attempts=2)) as folder:
        assert folder.done == {("t0", 0), ("t1", 0)}
        assert folder.tally.episodes == 2
        assert folder.tally.summary()["mean_reward"] == 0.75
        folder.append(episode("t0", 1))
        assert folder.tally.episodes == 3
    assert len(list(read_episodes(tmp_path))) == 3
    kept = read_manifest(tmp_path)
    assert kept["command"] == ["asynccode", "run"]
    assert kept["resumed"][0]["command"] == ["again"]
    assert kept["resumed"][0]["attempts"] == 2


def test_readable_and_resumable_after_a_crash_at_any_byte(tmp_path: Path) -> None:
    fill(tmp_path, episode(), episode("t1", observation="é\n\x00"))
    data = (tmp_path / EPISODES).read_bytes()
    made = (tmp_path / MANIFEST).read_bytes()
    first = data.index(b"\n") + 1
    for end in range(len(data) + 1):
        (tmp_path / MANIFEST).write_bytes(made)  # it lists the runs, and would grow with each
        (tmp_path / EPISODES).write_bytes(data[:end])
        whole = (end >= first) + (end == len(data))
        assert len(list(read_episodes(tmp_path))) == whole
        with RunFolder.open(tmp_path, manifest()) as folder:
            assert len(folder.done) == whole
            folder.append(episode("t9"))
        assert len(list(read_episodes(tmp_path))) == whole + 1


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    fill(tmp_path, episode())
    with (tmp_path / EPISODES).open("ab") as file:
        file.write(b'{"half": \n')
    with pytest.raises(TaskDataError, match=r"Line 2 of .*episodes.jsonl is no episode"):
        list(read_episodes(tmp_path))
    with pytest.raises(TaskDataError, match="Line 2"):
        RunFolder.open(tmp_path, manifest())


@pytest.mark.parametrize(
    "stop", [StopReason.HARNESS_ERROR, StopReason.POLICY_ERROR, StopReason.CANCELLED]
)
def test_what_nobody_was_judged_in_is_played_again(tmp_path: Path, stop: StopReason) -> None:
    fill(tmp_path, episode(), episode("t1", stop=stop, reward=None), episode("t2"))
    with RunFolder.open(tmp_path, manifest()) as folder:
        assert folder.done == {("t0", 0), ("t2", 0)}
        assert folder.tally.harness_errors == 0
        folder.append(episode("t1"))
    assert [e["task_id"] for e in read_episodes(tmp_path)] == ["t0", "t2", "t1"]
    (moved,) = read_episodes(tmp_path / UNFINISHED)
    assert moved["stop_reason"] == stop


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"policy": "noop"}, 'policy was "gold", now "noop"'),
        ({"seed": 7}, "seed was 0, now 7"),
        ({"compat": "intercode"}, 'compat was null, now "intercode"'),
        ({"suite_digest": "x"}, "suite_digest was"),
        ({"images": {"a": "rebuilt"}}, 'images was {"a": "built-a"}, now {"a": "rebuilt"}'),
        ({"limits": {}}, "limits was"),
    ],
)
def test_other_settings_are_refused_by_name(
    tmp_path: Path, changed: dict[str, Any], text: str
) -> None:
    fill(tmp_path, episode())
    before = (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(InputError) as caught:
        RunFolder.open(tmp_path, manifest(**changed))
    assert f"{tmp_path} was made with other settings: {text}" in str(caught.value)
    assert (tmp_path / MANIFEST).read_bytes() == before
    fill(tmp_path)  # and the folder is free again


def test_more_attempts_and_more_images_are_no_other_settings(tmp_path: Path) -> None:
    fill(tmp_path, attempts=1)
    fill(tmp_path, attempts=5, limit=3, images={"a": "built-a", "b": "built-b"})
    assert read_manifest(tmp_path)["images"] == {"a": "built-a", "b": "built-b"}
    fill(tmp_path, images={"b": "built-b"})


def test_two_runs_into_one_folder(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, manifest()) as folder:
        with pytest.raises(InputError, match="Another run is writing to"):
            RunFolder.open(tmp_path, manifest())
        with pytest.raises(InputError, match="Another run is writing to"):
            RunFolder.open(tmp_path, manifest(), resume=False)
        folder.append(episode())
    fill(tmp_path, episode("t1"))


def test_starting_afresh_loses_nothing(tmp_path: Path) -> None:
    fill(tmp_path, episode())
    for number in (1, 2):
        with RunFolder.open(tmp_path, manifest(policy="noop"), resume=False) as folder:
            assert not folder.done
            folder.append(episode("t5"))
        assert (tmp_path / f"earlier-{number}" / EPISODES).exists()
    assert [e["task_id"] for e in read_episodes(tmp_path)] == ["t5"]
    assert [e["task_id"] for e in read_episodes(tmp_path / "earlier-1")] == ["t0"]
    assert read_manifest(tmp_path / "earlier-1")["policy"] == "gold"


def test_a_folder_that_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / EPISODES).write_text("{}\n")
    with pytest.raises(TaskDataError, match=r"no manifest\.json"):
        RunFolder.open(tmp_path, manifest())
    with pytest.raises(TaskDataError, match="is no run folder"):
        read_manifest(tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match=r"Cannot use .*file as a run folder"):
        RunFolder.open(file, manifest())
    with pytest.raises(TaskDataError, match="Cannot read"):
        list(read_episodes(tmp_path / "nowhere"))


def test_a_run_stopped_before_its_first_episode_is_empty(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / EPISODES).unlink()
    assert list(read_episodes(tmp_path)) == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def short(number: int, data: bytes) -> int:
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return real(number, data[:50])

    with RunFolder.open(tmp_path, manifest()) as folder:
        folder.append(episode())
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", short)
            with pytest.raises(InputError, match="No space left"):
                folder.append(episode("t1"))
        folder.append(episode("t2"))
    assert [e["task_id"] for e in read_episodes(tmp_path)] == ["t0", "t2"]


def test_nothing_breaks_the_file(tmp_path: Path) -> None:
    fill(
        tmp_path,
        episode(observation="lone \udc80 \ud83d, pair \ud83d\ude00, \\ud83d,  \x85\r\n"),
        episode("t1", reward_parts={"a": math.nan, "b": math.inf, "c": b"\xff", "d": {1}, 2: None}),
    )
    data = (tmp_path / EPISODES).read_bytes()
    assert data.isascii()
    assert data.count(b"\n") == 2
    first, second = read_episodes(tmp_path)
    text = first["steps"][0]["observation"]
    assert text == "lone � �, pair \U0001f600, \\ud83d,  \x85\r\n"
    text.encode()
    parts = second["reward_parts"]
    assert parts == {"a": None, "b": None, "c": "�", "d": [1], "2": None}


def test_lines_are_strict_json() -> None:
    line = dump_line({"x": math.nan, "t": (1, 2), "p": Path("/a")})
    assert json.loads(line, parse_constant=lambda name: pytest.fail(name)) == {
        "x": None,
        "t": [1, 2],
        "p": "/a",
    }
    assert clean({"a": [True, 1, None, "é"]}) == {"a": [True, 1, None, "é"]}
