"""What the kernel keeps for a container beside files and processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from asynccode.backends.engine.digests import text
from asynccode.backends.warden.syscalls import CLONE_NEWIPC, setns


def objects(init: int, container: str) -> Iterator[str]:
    """Give System V and POSIX IPC, and keys."""

    def read() -> list[str]:
        return [text(f"/proc/sysvipc/{name}") for name in ("msg", "sem", "shm")]

    yield from _inside(init, read)
    if not os.path.ismount(f"/proc/{init}/root/dev/mqueue"):  # else `files` has looked
        raise OSError("message queues cannot be looked at")
    for line in text("/proc/keys").splitlines():
        if container in line:  # its session's keyring: all but how many processes hold it
            words = line.split()
            yield repr([*words[:2], *words[3:]])


def _inside(init: int, read: Callable[[], list[str]]) -> list[str]:
    """Read in the IPC namespace of a process, in a thread that ends there."""
    found: list[str] = []

    def enter() -> None:
        with suppress(OSError), open(f"/proc/{init}/ns/ipc", "rb") as space:
            setns(space.fileno(), CLONE_NEWIPC)
            found.extend(read())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if not found:
        raise OSError("the IPC namespace cannot be entered")
    return found


def network(init: int) -> Iterator[str]:
    """Give what is left of connections."""
    yield text(f"/proc/{init}/net/dev")
    yield text(f"/proc/{init}/net/sockstat").partition("\n")[0]  # the rest is the machine's
