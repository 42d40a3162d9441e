"""What goes over the channel of a Python session, as pure functions (see inside/interpreter.py)."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Literal, NamedTuple

TOKEN = 32
"""Characters of a step's token."""
TAIL = 160
"""No reply is longer, in bytes."""

_INSIDE = files(__package__).joinpath("inside")
_JOINT = re.compile(rb"^from errors import .*\n", re.MULTILINE)
INTERPRETER = b"".join(
    _JOINT.sub(b"", _INSIDE.joinpath(name).read_bytes()) for name in ("errors.py", "interpreter.py")
)
STOP = _INSIDE.joinpath("stop.py").read_text(encoding="utf-8")
LOADER = (
    "import os\n"
    f"t=b''\nwhile len(t)<{len(INTERPRETER)}:t+=os.read(0,{len(INTERPRETER)}-len(t))\n"
    "d={'__name__':'asynccode'}\n"
    "exec(compile(t,'<asynccode>','exec'),d)\n"
    "d['main']()"
)
"""What `python3 -c` is given: it reads the interpreter's text from its standard input."""


def request(code: str, token: bytes, *, split: bool, keep: bool) -> bytes:
    """Frame one step; `token` is `TOKEN` characters that the reply will repeat."""
    raw = code.encode("utf-8", "surrogatepass")
    flags = ("s" if split else "m") + ("k" if keep else "f")
    return b"%08x%s%s%s" % (len(raw), flags.encode(), raw, token)


class Reply(NamedTuple):
    """The last thing that a step's interpreter says; `gone`: it has not run the step."""

    kind: Literal["ready", "done", "exit", "gone"]
    status: int
    """The step's exit status; of `ready`, the keeper's process id."""
    worker: int
    """The process id of the worker; if the kind is `exit`, of the one that takes its place."""
    errno: int
    """The error number of an exception that ended the step, or 0."""


class Catch:
    """What one stream gave for one step: kept up to `limit` bytes, searched for the token."""

    def __init__(self, token: bytes, limit: int, rest: bytes = b"") -> None:
        """Take the step's token and what came after the last step's reply."""
        self._mark, self._limit = b"\0" + token, limit
        self._data = bytearray(rest)
        self.last: bytes | None = None
        """The reply, between its token and the end of its line; None until it has come."""
        self.rest = b""
        """What came after the reply."""

    @property
    def full(self) -> bool:
        """Whether more than the limit has come."""
        return len(self._data) > self._limit + (TAIL if self.last is None else 0)

    @property
    def output(self) -> bytes:
        """What came before the reply, up to the limit."""
        kept = self._data[: self._limit]
        if self.last is None and (at := kept.rfind(b"\0", -TAIL)) >= 0:
            here = kept[at : at + len(self._mark)]
            if self._mark.startswith(here):  # the reply has begun
                del kept[at:]
        return bytes(kept)

    def feed(self, data: bytes) -> bool:
        """Take what has come; say whether the reply is complete."""
        start = max(0, len(self._data) - TAIL)
        self._data += data
        at = self._data.find(self._mark, start)
        end = self._data.find(b"\n", at) if at >= 0 else -1
        if end < 0:
            if at < 0:
                del self._data[self._limit + 1 : -TAIL]  # what nobody will see
            return False
        self.last = bytes(self._data[at + len(self._mark) : end])
        self.rest = bytes(self._data[end + 1 :])
        del self._data[at:]
        return True


def parse(last: bytes | None) -> Reply | None:
    """Read a reply; None if it is not one."""
    words = (last or b"").split()
    if len(words) != 4 or not all(word.isdigit() for word in words[1:]):
        return None
    status, worker, errno = map(int, words[1:])
    match words[0]:
        case b"ready":
            return Reply("ready", status, worker, errno)
        case b"done":
            return Reply("done", status, worker, errno)
        case b"gone":
            return Reply("gone", status, worker, errno)
        case b"exit":
            return Reply("exit", status, worker, errno)
    return None
