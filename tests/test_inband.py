"""A wire over one stream each way: what is output and what is said of it are told apart."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from asynccode.shell import framing, script
from asynccode.shell.inband import ERRORS, OUTPUT, InbandWire
from asynccode.shell.streams import CHUNK

TOKEN = "token-012345"


class Ends:
    """The link and the listener of a wire."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.replies: list[framing.Reply] = []
        self.full = self.ended = self.paused = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def pause(self, *, paused: bool) -> None:
        self.paused = paused

    def close(self) -> None:
        self.ended = True

    def on_reply(self, reply: framing.Reply) -> None:
        self.replies.append(reply)

    def on_full(self) -> None:
        self.full = True

    def on_end(self) -> None:
        self.ended = True


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def wire(ends: Ends) -> InbandWire:
    wire = InbandWire(ends)
    wire.open(1000, ends)
    wire.start(TOKEN)
    return wire


def mark_of(ends: Ends) -> bytes:
    return bytes(ends.sent).split()[1]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_output_and_its_end_come_apart_in_any_pieces(
    wire: InbandWire, ends: Ends, size: int
) -> None:
    wire.feed(OUTPUT, mark_of(ends) + b" ready 7\n")
    wire.send("code", "following", split=False, status=0)
    data = f"tok\ntoken-0 token-01234 no newline{TOKEN} 3\n".encode()
    for at in range(0, len(data), size):
        wire.feed(OUTPUT, data[at : at + size])
    assert ends.replies == [
        framing.Reply("ready", 7),
        framing.Reply("done", 3, TOKEN),
    ]
    assert wire.finish()[0] == b"tok\ntoken-0 token-01234 no newline"


def test_a_split_step_ends_when_both_streams_say_so(wire: InbandWire, ends: Ends) -> None:
    wire.send("code", "following", split=True, status=0)
    wire.feed(OUTPUT, f"out\n{TOKEN} 4\n".encode())
    assert ends.replies == []
    wire.feed(ERRORS, f"late\n{TOKEN} 0\n".encode())
    assert ends.replies == [framing.Reply("done", 4, TOKEN)]
    assert wire.finish() == (b"out\nlate\n", b"out\n", b"late\n")


def test_the_words_of_others_are_output(wire: InbandWire, ends: Ends) -> None:
    wire.send("code", "following", split=False, status=0)
    text = b"ready 1\nexit 0\nother-012345 0\n" + mark_of(ends) + b" ready x\n"
    wire.feed(OUTPUT, text)
    wire.feed(ERRORS, f"{TOKEN} 0\n".encode())
    assert ends.replies == []
    assert wire.finish()[0] == text + f"{TOKEN} 0\n".encode()


def test_too_much_is_told_and_what_nobody_wants_waits(wire: InbandWire, ends: Ends) -> None:
    wire.feed(OUTPUT, bytes(CHUNK))
    assert ends.paused
    assert not ends.full
    wire.finish()
    wire.send("code", "following", split=False, status=0)
    assert not ends.paused
    wire.feed(OUTPUT, bytes(1001))
    assert ends.full
    assert len(wire.finish()[0]) == 1000


def test_the_shell_s_end_is_told_by_its_keeper(wire: InbandWire, ends: Ends) -> None:
    wire.send("exit 5", "following", split=False, status=0)
    wire.feed(OUTPUT, b"bye\n" + mark_of(ends) + b" exit 5\n")
    assert ends.replies == [framing.Reply("exit", 5)]


@pytest.mark.parametrize("split", [False, True])
def test_the_end_of_a_step_is_said_though_a_signal_comes_while_there_is_no_room_for_it(
    split: bool,
) -> None:
    mark = framing.token()
    fill = "head -c 65536 /dev/zero | tr '\\0' x"  # all that a pipe holds
    code = f"trap : USR1; {fill}{' >&2' if split else ''}; (exit 7)"
    with subprocess.Popen(
        ["/bin/sh", "-c", script.INBAND_KEEPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as keeper:
        assert keeper.stdin
        assert keeper.stdout
        assert keeper.stderr
        wait = script.wait(TOKEN, script.INBAND_TELL)
        keeper.stdin.write(f"start {mark}\n{script.inband_boot(mark)}{wait}".encode())
        keeper.stdin.write(framing.request(code, split=split, inband=True))
        keeper.stdin.flush()
        shell = int(keeper.stdout.readline().split()[-1])
        waits = Path(f"/proc/{shell}/wchan")
        until = time.monotonic() + 10
        while "pipe" not in waits.read_text(encoding="utf-8") and time.monotonic() < until:
            time.sleep(0.01)
        for _ in range(2):
            os.kill(shell, signal.SIGUSR1)
            time.sleep(0.05)
        keeper.stdin.close()
        if split:
            assert keeper.stderr.read() == b"x" * 65536 + f"{TOKEN} 0\n".encode()
            assert f"{TOKEN} 7\n".encode() in keeper.stdout.read()
        else:
            assert f"{TOKEN} 7\n".encode() in keeper.stdout.read()
