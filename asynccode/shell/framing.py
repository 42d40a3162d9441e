"""What goes over the control socket, as pure functions.

To the shell: a line for Bash's reader, which runs the step and then tells its token and status.
From the shell: lines, `ready PID`, `TOKEN STATUS` and (from the keeper) `exit STATUS`.

Bash reads the line byte by byte, a third of a microsecond each. Short code is in it, quoted;
what is longer follows the line, to be read in one piece. That must be as many *characters* as
the line says in whatever locale the shell is in by then, so it is ASCII too. The token stands
where the code cannot see it: in no variable, and after the code.
"""

from __future__ import annotations

import secrets
from typing import Literal, NamedTuple

from asynccode.shell.script import REDIRECT, SPLIT

TOKEN = 12
"""Characters of a step's token."""
SHORT = 64
"""Bytes of code up to which reading them one by one is cheaper than reading them apart."""

_ESCAPES = {ord("\\"): "\\\\", ord("'"): "\\'", ord("\n"): "\\n"} | {
    byte: f"\\x{byte:02x}" for byte in range(128, 256)
}


def token() -> str:
    """Give a new token: 72 random bits."""
    return secrets.token_urlsafe(TOKEN * 3 // 4)


def request(
    code: str, token: str, *, split: bool = False, status: int = 0, inband: bool = False
) -> bytes:
    """Frame one step.

    `token` is `TOKEN` characters that the reply must repeat, `status` what `$?` is to be.
    `inband` has the reply follow the output, and the errors too if they are kept apart.
    """
    raw = code.encode("utf-8", "surrogateescape")
    before, after = "", ""
    if len(raw) > SHORT:
        after = code if raw.isascii() else f"eval {_quoted(raw)}"
        before, word = f"builtin read -r -N {len(after)} __ac_x;", '"$__ac_x"'
    else:
        word = _quoted(raw)
    if status:
        before += f"__ac_status {status}&&:;"
    redirect = SPLIT if split else REDIRECT
    tell = f"__ac_t {token} $?" if inband else f"builtin echo {token} $?>&0"
    if inband and split:
        tell += f';__ac_t {token} 0 >"/proc/$PPID/fd/$__ac_e"'
    line = f"{before}builtin eval {word}{redirect};{tell}\n"
    return (line + after).encode()


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
