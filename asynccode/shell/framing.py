"""What goes over the control socket, as pure functions.

To the shell: a line for Bash's reader, which says how much follows; the token; the code.
From the shell: lines, `ready PID`, `TOKEN STATUS` and (from the keeper) `exit STATUS`.

The code must be as many *characters* as the line says in whatever locale the shell is in by
then, so code beyond ASCII travels as `eval $'...'` with its bytes escaped.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

TOKEN = 16
"""Characters of a step's token."""

_ESCAPES = {ord("\\"): "\\\\", ord("'"): "\\'", ord("\n"): "\\n"}


def request(code: str, token: str, *, split: bool = False) -> bytes:
    """Frame one step; `token` is `TOKEN` characters that the reply must repeat."""
    raw = code.encode("utf-8", "surrogateescape")
    if not raw.isascii():
        escaped = "".join(_ESCAPES.get(b) or (chr(b) if b < 128 else f"\\x{b:02x}") for b in raw)
        raw = f"eval $'{escaped}'".encode()
    # Bash reads the line byte by byte, so it is short.
    line = f'__ac_n={TOKEN + len(raw)};eval "$__ac_{"split" if split else "run"}"\n{token}'
    return line.encode() + raw


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
