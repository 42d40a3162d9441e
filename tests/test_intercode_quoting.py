"""What the original executes for an action, and what it says of what cannot be executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from asynccode.tasks.intercode.quoting import (
    MALFORMED,
    OriginalCrashError,
    argv,
    missing_program,
    missing_workdir,
    plan,
    simplify,
)
from asynccode.tasks.intercode.recordings import read_recording


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("ls -l", ["/bin/bash", "-c", "ls -l"]),
        ("  ls  ", ["/bin/bash", "-c", "ls"]),
        ("", ["/bin/bash", "-c", ""]),
        ('grep "foo" x', ["/bin/bash", "-c", "grep foo x"]),
        # A blank between inner quotes ends the script: the rest becomes $0, $1 ...
        ('grep "foo bar" x', ["/bin/bash", "-c", "grep foo", "bar x"]),
        (r'printf "a\n"', ["/bin/bash", "-c", "printf an"]),
        (r"echo a\nb $HOME", ["/bin/bash", "-c", r"echo a\nb $HOME"]),
        (r"echo \"a\" \\", ["/bin/bash", "-c", 'echo "a" \\']),
        ("echo `id`\necho 2", ["/bin/bash", "-c", "echo `id`\necho 2"]),
    ],
)
def test_an_action_is_pasted_between_double_quotes(action: str, expected: list[str]) -> None:
    assert argv(action) == expected


@pytest.mark.parametrize("action", ['echo "', 'echo "it\'s"', 'a "b\'c" d', "a\0b", "echo a\\"])
def test_quotes_that_do_not_match_are_malformed(action: str) -> None:
    assert argv(action) is None


@pytest.mark.parametrize(
    ("current", "changed", "expected"),
    [
        ("/", "a", "/a"),
        ("/a/b", "..", "/a"),
        ("/a/b", "/c", "/c"),
        ("/a", "./b/../c//d", "/a/c/d"),
        ("/", "../..", "/"),
        ("/a", "", "/a"),
        ("/a", "~", "/a/~"),
        ("/a", "-", "/a/-"),
        ("/", "$HOME", "/$HOME"),
        ("/", "/a && ls /b", "/a && ls /b"),
    ],
)
def test_paths_are_worked_out_by_text(current: str, changed: str, expected: str) -> None:
    assert simplify(current, changed) == expected


def test_a_change_of_directory_is_executed_in_the_root_folder() -> None:
    made = plan("cd b", "/a")
    assert (made.argv, made.cwd, made.goes_to) == (["/bin/bash", "-c", "cd /a/b"], "/", "/a/b")


def test_the_whole_rest_of_the_line_becomes_the_working_directory() -> None:
    made = plan("cd /workspace && find . -name x", "/")
    assert made.goes_to == "/workspace && find . -name x"


def test_anything_that_begins_with_cd_is_a_change_of_directory() -> None:
    assert plan("cdrom; cd /a", "/").goes_to == "/a"
    assert plan(" cd /a", "/b").goes_to is None
    assert plan(" cd /a", "/b").cwd == "/b"


@pytest.mark.parametrize("action", ["cd", "cdparanoia", "cd\t/a"])
def test_the_original_dies_of_cd_without_a_blank(action: str) -> None:
    with pytest.raises(OriginalCrashError, match="ValueError"):
        plan(action, "/")


def test_docker_names_the_missing_working_directory_as_go_quotes_it() -> None:
    assert missing_workdir("/ find -printf '%t+ \\n' \"x\"") == (
        "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd "
        '("/ find -printf \'%t+ \\\\n\' \\"x\\"") set in config.json failed: '
        "no such file or directory: unknown\r\n"
    )
    assert "stat /bin/bash" in missing_program("/bin/bash")
    assert "$PATH" in missing_program("md5deep")


@pytest.mark.data
def test_the_logs_agree_with_the_rule(intercode_data: Path) -> None:
    """Whatever cannot be split was logged as malformed, and next to nothing else was."""
    seen = other = 0
    for path in sorted((intercode_data / "results/bash").glob("*.json")):
        for episode in read_recording(path).episodes:
            for turn in episode.turns:
                if turn.code is None or turn.code == "submit" or turn.observation is None:
                    continue
                seen += 1
                if plan(turn.code, "/").argv is None:
                    assert turn.observation == MALFORMED
                elif turn.observation == MALFORMED:
                    other += 1  # output that is not UTF-8 (`gzip` to standard output)
    assert seen > 1000
    assert other <= 0.002 * seen


@pytest.mark.data
def test_the_log_of_a_missing_working_directory(intercode_data: Path) -> None:
    found = 0
    for path in sorted((intercode_data / "results/bash").glob("*.json")):
        for episode in read_recording(path).episodes:
            workdir = "/"
            for turn in episode.turns:
                if turn.code is None or turn.observation is None:
                    continue
                made = plan(turn.code, workdir)
                if turn.observation.startswith("OCI runtime exec failed"):
                    assert turn.observation == missing_workdir(made.cwd)
                    found += 1
                elif made.goes_to and not turn.observation.startswith("/bin/bash: line 1: cd: /"):
                    workdir = made.goes_to
    if (intercode_data / "results/bash/ic_bash_plan_solve_fs_3.json").exists():
        assert found == 4
