"""What goes over the control socket, as pure functions.

To the shell: a line for Bash's reader, a head of fixed length (code length, token), the code.
From the shell: lines, `ready PID`, `TOKEN STATUS` and (from the keeper) `exit STATUS`.

The code must be as many *characters* as the head says in whatever locale the shell is in by
then, so code beyond ASCII travels as `eval $'...'` with its bytes escaped.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

HEAD = 48
RUN = b'eval "$__asynccode_run";LINENO=0\n'
SPLIT = b'eval "$__asynccode_split";LINENO=0\n'

_ESCAPES = {ord("\\"): "\\\\", ord("'"): "\\'", ord("\n"): "\\n"}


def request(code: str, token: str, *, split: bool = False) -> bytes:
    """Frame one step; `token` is 32 characters that the reply must repeat."""
    raw = code.encode("utf-8", "surrogateescape")
    if not raw.isascii():
        escaped = "".join(_ESCAPES.get(b) or (chr(b) if b < 128 else f"\\x{b:02x}") for b in raw)
        raw = f"eval $'{escaped}'".encode()
    head = f"{len(raw):<10} {token}".encode().ljust(HEAD)
    return (SPLIT if split else RUN) + head + raw


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
    return Reply("done", number, word.decode("ascii", "replace")) if len(word) == 32 else None
