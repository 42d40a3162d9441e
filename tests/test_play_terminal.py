"""`asynccode play` on a real pseudo-terminal, as a person sees it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

WORDS = ["play", "asynccode.testing.fakes:FakeSuite", "--task", "t7"]
FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]
SECONDS = 60.0
UP = "\x1b[A"
LAUNCH = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))  # a new session takes it as its own terminal
os.execv(sys.executable, [sys.executable, "-m", "asynccode", *sys.argv[1:]])
"""


class Terminal:
    """The person's side of a program on a pseudo-terminal."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, text: str) -> str:
        """Wait until something is on the screen; give what came up to it, and forget that."""
        end = monotonic() + SECONDS
        while text not in self.seen:
            assert monotonic() < end, f"{text!r} never came; there is {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode()
                except OSError:  # the program has left its terminal
                    assert text in self.seen, self.seen
        before, _, self.seen = self.seen.partition(text)
        return before + text


@contextmanager
def terminal(*words: str, stdout: int | None = None) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *WORDS, *FAKE, *words],
        stdin=slave,
        stdout=slave if stdout is None else stdout,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "INPUTRC": "/dev/null"},
    )
    try:
        before = termios.tcgetattr(slave)
        yield Terminal(master, process)
        assert termios.tcgetattr(slave) == before, "the terminal is as it was"
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def test_a_person_plays_with_help_history_and_reward_parts() -> None:
    with terminal() as person:
        assert "Task t7" in person.until("Print 7.")
        person.until("(:help for help)")
        person.until("$ ")
        person.type(":help\n")
        person.until("submit [ANSWER]")
        person.until("$ ")
        person.type(":query\n")
        person.until("Print 7.\r\n")
        person.type("nonsense\n")
        person.until("nonsense: command not found")
        person.until("(nonzero, exit status 127)")
        person.type("echo 8\n")
        person.until("\n8\r\n")
        person.until("$ ")
        person.type(f"{UP}\x7f7\n")  # the line before, its last letter replaced
        person.until("\n7\r\n")
        person.type("```\nset x 7\nget x\n```\n")
        person.until("\n7\r\n")
        person.type(":history\n")
        person.until("1  nonsense  (nonzero, exit status 127)")
        person.until("(996 more to go)")
        person.type("submit\n")
        person.until("submitted after 5 turns")
        person.until("reward 1 (solved)")
        person.until("answer 1")
        assert person.process.wait(SECONDS) == 0


def test_the_end_of_the_input_submits() -> None:
    with terminal() as person:
        person.until("$ ")
        person.type("\x04")
        person.until("submitted after 1 turn")
        person.until("reward 0")
        assert person.process.wait(SECONDS) == 0


def test_an_interrupt_stops_and_leaves_the_terminal_as_it_was() -> None:
    with terminal() as person:
        person.until("$ ")
        person.type("hal")
        person.type("\x03")
        person.until("Stopped.")
        assert person.process.wait(SECONDS) == 130


def test_shown_rewards_end_the_episode_when_it_is_solved() -> None:
    with terminal("--feedback", "full") as person:
        person.until("$ ")
        person.type("echo 8\n")
        person.until("[reward 0]")
        person.until("[answer 0, changes 0]")
        person.type("echo 7\n")
        person.until("\n7\r\n")
        person.until("solved after 2 turns")
        assert person.process.wait(SECONDS) == 0


@pytest.mark.parametrize("typed", ["submit 7\n"])
def test_with_json_a_redirected_output_holds_one_object(tmp_path: Path, typed: str) -> None:
    path = tmp_path / "out.json"
    with path.open("wb") as out, terminal("--json", stdout=out.fileno()) as person:
        person.until("$ ")
        person.type(typed)
        assert person.process.wait(SECONDS) == 0
    episode = json.loads(path.read_text())
    assert (episode["reward"], episode["steps"][0]["action"]) == (1.0, "submit 7")
