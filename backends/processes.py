"""Finding and signalling the processes of a sandbox, through /proc, from outside it.

Standard library only: the nsjail warden imports this too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

ROUNDS = 50
"""How often to look for processes that were forked while we froze the others."""


def children(pid: int) -> list[int]:
    """Give the direct children of `pid`; empty if it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                found += map(int, content(f"/proc/{pid}/task/{thread}/children").split())
    return found


def content(path: str) -> bytes:
    """Give what a file holds, without a file object: this is read at every start of a jail."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(fd, 1 << 16), b""))
    finally:
        os.close(fd)


def tree(root: int) -> Iterator[int]:
    """Give every descendant of `root`, parents first."""
    queue = children(root)
    while queue:
        pid = queue.pop()
        yield pid
        queue += children(pid)


def session(leader: int) -> Iterator[int]:
    """Give every process of the POSIX session of `leader`, itself left out."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != leader:
            with suppress(OSError):
                if os.getsid(int(name)) == leader:
                    yield int(name)


def inner_pid(pid: int) -> int:
    """Give the number that `pid` has in its innermost namespace; raises `OSError` if gone."""
    with open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"NSpid:"):
                return int(line.split()[-1])
    return pid


def is_runnable(pid: int) -> bool:
    """Whether a process runs, or would if it had a processor."""
    with suppress(OSError, IndexError):
        return content(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0] == b"R"
    return False


def command(pid: int) -> bytes:
    """Give the command line of `pid` as the kernel has it; empty if gone."""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()
    return b""


def spawn(argv: list[str], env: Mapping[str, str], actions: Iterable[tuple[Any, ...]]) -> int:
    """Start a program in a session of its own; gives its process id. Raises `OSError`.

    It gets the descriptors that `actions` of `posix_spawn` give it and none that we happen to
    have inherited. It minds signals as usual, whichever of them we ignore or block: who starts us
    in the background of a script has us ignore INT, and a shell could not even trap it then.
    """
    return os.posix_spawn(
        argv[0],
        argv,
        env,
        file_actions=[*_close_inherited(), *actions],
        setsid=True,
        setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        setsigmask=(),
    )


def _close_inherited() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                yield os.POSIX_SPAWN_CLOSE, int(name)


def send(pid: int, number: int) -> None:
    """Signal `pid` if it is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def stop(find: Callable[[], Collection[int]], spare: Collection[int], *, force: bool) -> int:
    """Signal the processes that `find` gives, but for those to `spare`.

    With `force` they are all frozen before the first is killed, so that what forks faster
    than we can kill does not win. Gives how many were signalled.
    """
    seen: set[int] = set()
    for _ in range(ROUNDS if force else 1):
        fresh = set(find()) - seen - set(spare)
        for pid in fresh:
            send(pid, signal.SIGSTOP if force else signal.SIGTERM)
            if not force:
                send(pid, signal.SIGCONT)
        seen |= fresh
        if not fresh:
            break
    if force:
        for pid in seen:
            send(pid, signal.SIGKILL)
    return len(seen)
