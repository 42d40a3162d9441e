"""What goes over the control socket, as pure functions.

To the shell: a line of code, for which it waits; it runs the step and tells its token and status.
From the shell: lines, `ready PID`, `TOKEN STATUS` and (from the keeper) `exit STATUS`.

Bash reads the line byte by byte, half a microsecond each. Short code is the line. In place of what
is longer stands an empty line, and one that has it read in one piece. That must be as many
*characters* as the line says in whatever locale the shell is in by then, so it is ASCII. The token
was sent ahead; it stands where the code cannot see it: in no variable, and after the code.
"""

from __future__ import annotations

import secrets
from typing import Literal, NamedTuple

from asynccode.shell.script import ERRORS

TOKEN = 12
"""Characters of a step's token."""
SHORT = 64
"""Bytes up to which reading them one by one is cheaper than reading them apart."""

_ESCAPES = {ord("\\"): "\\\\", ord("'"): "\\'", ord("\n"): "\\n"} | {
    byte: f"\\x{byte:02x}" for byte in range(128, 256)
}


def token() -> str:
    """Give a new token: 72 random bits."""
    return secrets.token_urlsafe(TOKEN * 3 // 4)


def can_say(text: str) -> bool:
    """Whether a text can be bytes and words: it holds no NUL and no lone half of a character."""
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False


def request(code: str, *, split: bool = False, status: int = 0, inband: bool = False) -> bytes:
    """Frame one step, for a shell that waits (`script.wait`).

    `status` is what `$?` is to be. With `split` its errors are kept apart; `inband` then has
    their end said too.
    """
    raw = code.encode("utf-8", "surrogateescape")
    text = code or ":"
    if split or status or not raw.isascii():
        before = "__ac_p=1;" if split and inband else ""
        if status:
            before += f"__ac_status {status}&&:;"
        text = f"{before}builtin eval -- {_quoted(raw)}{f' {ERRORS}' if split else ''}"
    if len(text) > SHORT or "\n" in text:
        return f"\nbuiltin read -r -N {len(text)} __ac_x\n{text}".encode()
    return f"{text}\n".encode()


def _quoted(raw: bytes) -> str:
    """Quote any bytes but NUL for Bash, as ASCII on one line."""
    return f"$'{raw.decode('latin-1').translate(_ESCAPES)}'"


class Reply(NamedTuple):
    """A line from the sandbox's end."""

    kind: Literal["ready", "done", "exit"]
    number: int
    """The shell's process id, the step's exit status, the shell's exit status."""
    token: str = ""


def parse(line: bytes) -> Reply | None:
    """Read one line; None if it is not one of ours (a step can write anything it likes)."""
    word, _, rest = line.partition(b" ")
    if not rest.strip().isdigit():
        return None
    number = int(rest)
    if word == b"ready":
        return Reply("ready", number)
    if word == b"exit":
        return Reply("exit", number)
    return Reply("done", number, word.decode("ascii", "replace")) if len(word) == TOKEN else None
