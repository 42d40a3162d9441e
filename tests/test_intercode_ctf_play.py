"""InterCode's capture the flag, played: both semantics, and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.outcomes import Outcome
from asynccode.records import Skip, StepResult, Submit
from asynccode.tasks.intercode.ctf.compat import (
    RIGHT,
    WRONG,
    CompatCtfEnvironment,
    plan,
    shown_files,
)
from asynccode.tasks.intercode.quoting import OriginalCrashError
from asynccode.tasks.intercode.recordings import read_recording
from asynccode.tasks.intercode.replay import replay
from asynccode.testing.fakes import FakeBackend
from tests.intercode_ctf import FLAG, clone, compat, ours, task


def test_python_is_split_into_words_and_all_else_is_a_script() -> None:
    assert plan("python3 -c 'print(1)' | cat", "/ctf/0").argv == [
        *("python3", "-c", "print(1)", "|", "cat")
    ]
    assert plan("python -c 'x", "/ctf/0").argv is None
    assert plan(" echo \"a b\" 'c' ", "/ctf/0").argv == ["/bin/bash", "-c", "echo \"a b\" 'c'"]
    went = plan("cd ../1 && ls", "/ctf/0")
    assert (went.argv, went.cwd, went.goes_to) == (
        ["/bin/bash", "-c", "cd /ctf/1 && ls"],
        "/",
        "/ctf/1 && ls",
    )
    with pytest.raises(OriginalCrashError):
        plan("cd", "/ctf/0")


def test_files_that_a_recording_shows_are_found(tmp_path: Path) -> None:
    (episode,) = read_recording(recorded(tmp_path)).episodes
    assert shown_files(episode) == {"x.txt": b"one\n"}


def recorded(folder: Path) -> Path:
    turns = [
        ('cmd /bin/bash -c "cat x.txt"', "one\n", 0),
        ("cmd cat gone", "cat: gone: No such file or directory\n", 0),
        ("python3 -c 'print(open(\"x.txt\").read())'", "one\n\n", 0),
        ("python -c 1", NO_PYTHON, 0),
        ("submit picoCTF{no}", WRONG, 0),
        (f"submit {FLAG.upper()}", RIGHT, 1),
    ]
    history = {
        "actions": [action for action, *_ in turns],
        "observations": [seen for _, seen, _ in turns],
        "rewards": [reward for *_, reward in turns],
    }
    log = {
        "environment": "ic_ctf",
        "dataset": "./data/ctf/ctf_test.json",
        "task_id": 4,
        "query": "Find it now.",
        "turn_history": history,
    }
    path = folder / "recorded.json"
    path.write_text(json.dumps({"4": log}))
    return path


NO_PYTHON = (
    "OCI runtime exec failed: exec failed: unable to start container process: exec: "
    '"python": executable file not found in $PATH: unknown\r\n'
)

asynchronous = pytest.mark.anyio


async def act(made: CompatCtfEnvironment, *actions: Any) -> StepResult:
    for action in actions:
        result = await made.step(action)
    return result


@asynchronous
async def test_the_originals_submissions(tmp_path: Path) -> None:
    suite = compat(clone(tmp_path, task(0), files={"0/x": ""}))
    tries: list[tuple[list[Any], float, bool]] = [
        ([f"submit {FLAG}"], 1.0, True),
        ([f"submit {FLAG.upper()} and more"], 1.0, True),
        ([Submit(answer=FLAG)], 1.0, True),
        (["submit no"] * 30, 0.0, False),
        (["submit"], 0.0, True),
        ([Submit()], 0.0, True),
        (["skip"], 0.0, True),
        ([Skip()], 0.0, True),
        (["cd"], 0.0, True),
    ]
    for actions, reward, ends in tries:
        backend = FakeBackend()
        async with suite.environment(suite.tasks[0], backend) as made:
            assert await made.reset() == "Find it."
            result = await act(made, *actions)
            assert (result.reward, result.terminated) == (reward, ends), actions
        assert backend.statistics()["open"] == 0
    async with suite.environment(suite.tasks[0], FakeBackend()) as made:
        await made.reset()
        assert "original_error" in (await made.step("submit")).info
        assert (await made.step("submit no")).observation == WRONG
    with pytest.raises(InputError, match="call reset first"):
        await made.step("ls")


@asynchronous
@pytest.mark.nsjail
async def test_actions_run_in_the_tasks_folder_and_only_the_folder_is_kept(
    tmp_path: Path, nsjail_backend: NsjailBackend
) -> None:
    files = {"0/x": "one\n", "0/run": "#!/bin/sh\necho ran\n", "1/y": "two\n"}
    suite = compat(clone(tmp_path, task(0, setup="cp x z"), task(1), files=files))
    (tmp_path / "data/ctf/task_assets/0/run").chmod(0o755)
    async with suite.environment(suite.tasks[0], nsjail_backend) as made:
        await made.reset()
        assert (await made.step("ls; pwd; ls ..; ./run")).observation == (
            "run\nx\nz\n/ctf/0\n0\nran\n"
        )
        assert (await act(made, "x=1", 'echo "[$x]"')).observation == "[]\n"
        assert (await act(made, "cd ..", "pwd")).observation == "/ctf\n"
        assert (await made.step("nothing-like-it -c 1")).info["valid"] is False
        assert (await made.step("python3 -c 'print(1)' 'x")).observation == "Malformed command"


@asynchronous
@pytest.mark.nsjail
async def test_our_semantics_limit_guesses_and_keep_the_shell(
    tmp_path: Path, nsjail_backend: NsjailBackend
) -> None:
    suite = ours(clone(tmp_path, task(0), files={"0/x": f"{FLAG}\n"}), guesses=2)
    async with suite.environment(suite.tasks[0], nsjail_backend) as made:
        await made.reset()
        await made.step("cd /; f=$(cat /ctf/x)")
        assert (await made.step("echo $f")).info["outcome"] is Outcome.OK
        assert (await made.step("submit no")).terminated is False
        assert (await made.step(Submit())).reward == 1.0


@asynchronous
async def test_set_up_that_needs_a_network_is_named_and_a_download_that_is_there_is_not_made(
    tmp_path: Path,
) -> None:
    download = "wget https://example.org/y.gz"
    folder = clone(
        tmp_path, task(0, setup=download), task(1, setup=download), files={"0/x": "", "1/y.gz": ""}
    )
    suite = ours(folder)
    async with suite.environment(suite.tasks[0], FakeBackend()) as made:
        with pytest.raises(TaskDataError, match=r"'0' cannot be set up: 'wget .*may need a net"):
            await made.reset()
    async with suite.environment(suite.tasks[1], FakeBackend()) as made:
        assert await made.reset() == "Find it."


@asynchronous
@pytest.mark.nsjail
async def test_a_recording_is_played_again_with_the_files_that_it_shows(
    tmp_path: Path, nsjail_backend: NsjailBackend
) -> None:
    suite = compat(clone(tmp_path / "clone", task(4, "Find it now!")))
    recording = read_recording(recorded(tmp_path))
    assert recording.suite == "intercode/ctf"
    figures = await replay(recording, suite, nsjail_backend)
    assert (figures["turns"], figures["harness_errors"]) == (6, 0)
    assert figures["same_reward"] == 1.0
    differing = [difference["action"] for difference in figures["differences"]]
    assert differing in ([], ["python -c 1"])  # where there is a program of that name


@asynchronous
@pytest.mark.nsjail
@pytest.mark.data
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_originals_recording_is_paid_as_recorded(
    intercode_data: Path, nsjail_backend: NsjailBackend
) -> None:
    path = intercode_data / "results/ctf/ic_ctf_gpt-4_25_turns.json"
    figures = await replay(read_recording(path), compat(intercode_data), nsjail_backend)
    assert (figures["episodes"], figures["turns"]) == (4, 35)
    assert figures["same_reward"] == figures["same_max_reward"] == 1.0
    # Task 3 is played on the file that its recording shows; it uses nothing but Python.
    assert {difference["task"] for difference in figures["differences"]} <= {"0", "1", "2"}
