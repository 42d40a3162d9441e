"""InterCode's capture the flag: the data, what it tells, both semantics, a replay."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.outcomes import Outcome
from asynccode.records import Skip, StepResult, Submit
from asynccode.registry import load_suite
from asynccode.tasks.intercode.ctf.audit import remarks, solved
from asynccode.tasks.intercode.ctf.compat import (
    RIGHT,
    WRONG,
    CompatCtfEnvironment,
    CompatCtfSuite,
    plan,
    shown_files,
)
from asynccode.tasks.intercode.ctf.suite import InterCodeCtfSuite
from asynccode.tasks.intercode.quoting import OriginalCrashError
from asynccode.tasks.intercode.recordings import read_recording
from asynccode.tasks.intercode.replay import replay
from asynccode.testing.fakes import FakeBackend

FLAG = "picoCTF{a_flag_to_find_1234}"
NETWORK = [1, 7, 9, 14, 16, 20, 28, 29, 35, 39, 41, 42, 43, 54, 57, 62, 66, 73, 87, 88, 89, 95]
"""Tasks that others leave out because they need a network (inspect_evals)."""


def task(number: int, query: str = "Find it.", gold: str = FLAG, **more: Any) -> dict[str, Any]:
    return {"task_id": number, "query": query, "gold": gold, "tags": ["Forensics"], **more}


def clone(
    folder: Path, *tasks: dict[str, Any], files: Mapping[str, bytes | str] | None = None
) -> Path:
    """Lay out a folder of data; `files` are below task_assets."""
    place = folder / "data/ctf"
    place.mkdir(parents=True)
    (place / "ic_ctf.json").write_text(json.dumps(tasks))
    for name, content in (files or {}).items():
        path = place / "task_assets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def ours(folder: Path, **options: Any) -> InterCodeCtfSuite:
    suite = load_suite("intercode/ctf", data=folder, **options)
    assert isinstance(suite, InterCodeCtfSuite)
    return suite


def compat(folder: Path) -> CompatCtfSuite:
    suite = load_suite("intercode/ctf", data=folder, compat="intercode", base="host")
    assert isinstance(suite, CompatCtfSuite)
    return suite


def said(suite: InterCodeCtfSuite, number: int = 0) -> list[tuple[str, str, bool]]:
    found = remarks(suite.tasks[number], suite.assets)
    return [(remark.kind, remark.text, remark.is_fault) for remark in found]


def test_a_task_has_its_own_files_and_never_the_solution(tmp_path: Path) -> None:
    files = {"0/a/x": "1", "0/solution/README.md": FLAG, "0/solution.txt": "2", "1/y": "3"}
    suite = ours(clone(tmp_path, task(0), task(1), files=files))
    assert suite.assets.files(suite.tasks[0]) == {"a/x": b"1", "solution.txt": b"2"}
    assert suite.assets.files(suite.tasks[1]) == {"y": b"3"}
    assert suite.tasks[0].gold == (f"submit {FLAG}",)


def test_missing_files_are_named_in_a_sentence(tmp_path: Path) -> None:
    suite = ours(clone(tmp_path, task(4), task(17)))
    with pytest.raises(TaskDataError) as raised:
        suite.environment(suite.tasks[0], FakeBackend())
    assert str(raised.value) == (
        f"Task '4' of InterCode's CTF cannot be played: its files (the folder 4) are not in "
        f"{tmp_path}/data/ctf/task_assets; clone princeton-nlp/intercode and name the clone "
        "with --data DIR or $ASYNCCODE_DATA."
    )
    assert said(suite) == [("missing", "there is no data/ctf/task_assets/4", True)]
    suite.environment(suite.tasks[1], FakeBackend())  # needs none


@pytest.mark.parametrize("content", ["{", "[1]", '[{"task_id": 1}]'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    folder = clone(tmp_path)
    (folder / "data/ctf/ic_ctf.json").write_text(content)
    with pytest.raises(TaskDataError, match="is not a list of InterCode CTF tasks"):
        ours(folder)
    (folder / "data/ctf/ic_ctf.json").unlink()
    with pytest.raises(TaskDataError, match="Cannot read the tasks"):
        ours(folder)


def test_modes_that_are_not_there_are_refused(tmp_path: Path) -> None:
    folder = clone(tmp_path, task(0))
    with pytest.raises(InputError, match="no mode 'x'"):
        load_suite("intercode/ctf", data=folder, compat="x")
    with pytest.raises(InputError, match="original limits no guesses: leave out"):
        load_suite("intercode/ctf", data=folder, compat="intercode", guesses=3)


def test_digests_cover_tasks_files_and_rules(tmp_path: Path) -> None:
    made = [
        clone(tmp_path / "a", task(0), files={"0/x": "1"}),
        clone(tmp_path / "b", task(0), files={"0/x": "2"}),
        clone(tmp_path / "c", task(0), files={"0/y": "1"}),
        clone(tmp_path / "d", task(0, "Find that."), files={"0/x": "1"}),
    ]
    digests = {ours(folder).digest for folder in made}
    assert len(digests) == len(made)
    assert ours(made[0]).digest == ours(made[0]).digest
    assert ours(made[0], guesses=1).digest not in digests
    assert compat(made[0]).digest not in digests


def test_a_network_is_found_in_the_query_the_set_up_and_the_files(tmp_path: Path) -> None:
    tasks = [
        task(0, "Look at https://example.org/x."),
        task(1, "Connect with nc a.example.org 123."),
        task(2, "Connect to a.example.org 123."),
        task(3, setup="wget https://example.org/y"),
        task(4),
        task(5, "It has nothing to do with sync 12."),
    ]
    files = {f"{n}/x": "" for n in (0, 1, 2, 3, 5)} | {"4/link.txt": "https://example.org/z\n"}
    suite = ours(clone(tmp_path, *tasks, files=files))
    kinds = [[kind for kind, *_ in said(suite, number)] for number in range(6)]
    assert kinds == [["network"]] * 5 + [[]]


def test_a_leak_is_a_flag_in_clear_words(tmp_path: Path) -> None:
    inside = FLAG[8:-1]
    turned = codecs.encode(FLAG, "rot13")
    suite = ours(
        clone(
            tmp_path,
            task(0, f"The flag is {FLAG}."),
            task(1, f"What is {turned}?"),
            task(2, gold="picoCTF{p}", query="picoCTF{p} is short."),
            files={"0/x": "", "1/x": b"\0\1" + FLAG.encode(), f"2/{inside}": ""},
        )
    )
    assert said(suite, 0) == [("leak", "the flag (plain) is in the query", True)]
    assert said(suite, 1) == [
        ("leak", "the flag (rot13) is in the query", False),
        ("leak", "the flag (plain) is in x, for grep to find", True),
    ]
    assert said(suite, 2) == []


def test_wrong_golds_are_found(tmp_path: Path) -> None:
    def rot47(text: str) -> str:
        return "".join(chr(33 + (ord(c) + 14) % 94) if c > " " else c for c in text)

    suite = ours(
        clone(
            tmp_path,
            task(0, gold="nothing"),
            task(1, "in lowercase", gold="picoCTF{ABCDEFGH}"),
            task(2, "What is 0x3D (base 16) in decimal (base 10)?", gold="picoCTF{62}"),
            task(3, gold=r"picoCTF{1|/|_x}"),
            files={"0/x": "", "1/x": "", "2/x": "", "3/x.py": rot47(r"picoCTF{1|\/|_x}")},
        )
    )
    assert said(suite, 0) == [("gold", "'nothing' is not of the form picoCTF{...}", True)]
    assert [fault for *_, fault in said(suite, 1)] == [False]
    assert said(suite, 2) == [("gold", "the query's own answer is 'picoCTF{61}'", True)]
    assert said(suite, 3) == [("gold", r"x.py, turned by ROT47, says 'picoCTF{1|\\/|_x}'", True)]


@pytest.mark.data
def test_the_original_data_tells_which_tasks_need_a_network(intercode_data: Path) -> None:
    suite = ours(intercode_data)
    kinds: dict[str, set[int]] = {}
    for number in range(100):
        for kind, _, is_fault in said(suite, number):
            if is_fault:
                kinds.setdefault(kind, set()).add(number)
    assert kinds["network"] == set(NETWORK)
    assert kinds["gold"] == {15}
    assert "leak" not in kinds or suite.assets.folder.is_dir()
    checked = [t for t in suite.tasks if solved(t) is not None]
    assert [t.id for t in checked] == ["5", "17", "18", "19", "22", "40", "74", "90"]
    assert all(solved(t) == t.metadata["flag"] for t in checked)


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
