"""The program as a whole: its help, its errors, its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asynccode.cli import COMMANDS, main
from asynccode.outcomes import Health

from .conftest import unavailable

SUITE = "asynccode.testing.fakes:FakeSuite"
FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run"], "The following arguments are required: SUITE (see asynccode run --help)."),
        (["run", SUITE, "--nonsense"], "Unrecognized arguments: --nonsense"),
        (["run", SUITE, "--attempts", "0"], "must be a whole number of at least 1, not '0'"),
        (["run", SUITE, "--timeout", "-1"], "must be seconds above 0, not '-1'"),
        (["run", "basch"], "There is no suite 'basch': did you mean 'bash'?"),
        (["run", SUITE, "--backend", "jail"], "There is no backend 'jail'"),
        (["run", SUITE, *FAKE, "--policy", "silver"], "There is no policy 'silver'"),
        (["run", SUITE, *FAKE, "--policy", "replay:nowhere"], "There is no recording nowhere"),
        (["run", SUITE, "--backend", "tests.test_cli:Nowhere"], "no such kernel"),
        (["play", SUITE, *FAKE, "--task", "t99"], "The suite 'fake' has no task 't99'"),
        (["replay", "nowhere", *FAKE], "nowhere"),
        (["tasks", "x"], "There is no suite 'x'"),
        (["check", "x"], "There is no backend 'x'"),
        (["dance"], "invalid choice: 'dance'"),
        ([], "required: COMMAND"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("asynccode: ")
    assert text in last
    if words:
        assert main([*words, "--json"]) == 2
        assert text in json.loads(capsys.readouterr().out)["error"]


def test_help_needs_no_command_loaded() -> None:
    code = (
        "import sys; from asynccode.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print([m for m in sys.modules if m.startswith(('asynccode.cli.', 'rich'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.endswith("[]\n")
    for name in COMMANDS:
        assert f"\n    {name} " in ran.stdout


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_the_program_runs(words: list[str]) -> None:
    ran = subprocess.run([sys.executable, "-m", "asynccode", *words], capture_output=True)
    assert ran.returncode == 0
    assert ran.stdout.startswith((b"usage: asynccode", b"asynccode 0"))
    assert ran.stderr == b""


def test_a_reader_that_leaves_early_is_no_error() -> None:
    ran = subprocess.run(
        f"{sys.executable} -m asynccode tasks {SUITE} --json | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout == "{"
    assert "Traceback" not in ran.stderr


def test_modules_in_the_current_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from asynccode import Policy, Submit\n"
        "class Lazy(Policy):\n"
        "    async def act(self, turn): return Submit()\n"
    )
    words = ["run", SUITE, *FAKE, "--policy", "mine:Lazy", "--json"]
    program = Path(sys.executable).with_name("asynccode")
    ran = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["policy"] == "mine:Lazy"


STRANGE = {
    "a folder that is gone": "import shutil; shutil.rmtree(os.getcwd())",
    "children that nobody asks after": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "a strict umask": "os.umask(0o077)",
    "seven bits": "os.environ.update(LC_ALL='C', PYTHONCOERCECLOCALE='0', PYTHONUTF8='0')",
    "hardly an environment": "os.environ.clear()",
    "no standard input": "os.close(0)",
}


@pytest.mark.parametrize("circumstance", STRANGE)
def test_it_works_wherever_it_is_started(
    circumstance: str, tmp_path: Path, nsjail_health: Health
) -> None:
    if not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    start = f"import os, signal, sys\n{STRANGE[circumstance]}\nos.execv(sys.argv[1], sys.argv[1:])"
    words = ["-m", "asynccode", "run", "bash", "--policy", "gold", "--limit", "3", "--json"]
    (tmp_path / "here").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", start, sys.executable, *words, "--output", str(tmp_path / "out")],
        cwd=tmp_path / "here",
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["solved"] == 3


def test_a_cache_that_cannot_be_is_told_with_its_remedy() -> None:
    words = ["-m", "asynccode", "images", "list"]
    env = {**os.environ, "XDG_CACHE_HOME": "/proc"}
    ran = subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True)
    assert ran.returncode == 2
    (said,) = ran.stderr.splitlines()
    assert "/proc/asynccode/images, cannot be made" in said
    assert "$XDG_CACHE_HOME" in said
