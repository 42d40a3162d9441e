"""Whether a flag can be read at the start, by nothing but looking."""

from __future__ import annotations

from collections.abc import Iterator

from asynccode.interfaces import Sandbox
from asynccode.records import Remark
from asynccode.tasks.ctf.flags import disguises

MOST = 64 * 1024 * 1024
"""Bytes of a file that are looked at."""
_PROCESSES = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true"


def leaks_in(flag: str, where: str, data: bytes) -> Iterator[Remark]:
    """Find a flag in bytes, as it is or encoded."""
    for how, text in disguises(flag).items():
        if text.encode() in data:
            yield Remark(kind="leak", text=f"the flag ({how}) is in {where}")


async def leaks(sandbox: Sandbox, flag: str, query: str) -> tuple[Remark, ...]:
    """Look for a flag in the query, and in a sandbox that was furnished and nothing else.

    In every path and file that the image has not (a flag is younger than any image), and in
    what processes show of themselves. Raises what the sandbox raises.
    """
    found = [*leaks_in(flag, "the query", query.encode())]
    for change in await sandbox.changes():
        name = change.path.decode("utf-8", "replace")
        found += leaks_in(flag, "a file's name", change.path)
        if change.type == "file":
            found += leaks_in(flag, name, await sandbox.read(change.path, max_bytes=MOST))
    processes = await sandbox.exec(["bash", "-c", _PROCESSES])
    found += leaks_in(flag, "/proc", processes.output)
    return tuple(found)
