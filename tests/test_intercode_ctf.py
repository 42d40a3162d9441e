"""InterCode's capture the flag: its data, and what an audit tells of it."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from asynccode.errors import InputError, TaskDataError
from asynccode.registry import load_suite
from asynccode.tasks.intercode.ctf.audit import remarks, solved
from asynccode.tasks.intercode.ctf.suite import InterCodeCtfSuite
from asynccode.testing.fakes import FakeBackend
from tests.intercode_ctf import FLAG, clone, compat, ours, task

NETWORK = [1, 7, 9, 14, 16, 20, 28, 29, 35, 39, 41, 42, 43, 54, 57, 62, 66, 73, 87, 88, 89, 95]
"""Tasks that others leave out because they need a network (inspect_evals)."""


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
