"""Reading and writing files inside a jail.

A child joins the jail's user and mount namespaces first, so that it is the jail's own root and
every link resolves as it does in there: nothing of the host can be named.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable
from contextlib import suppress

from asynccode.backends.warden.syscalls import CLONE_NEWNS, CLONE_NEWUSER, setns

SECONDS = 20
"""A jail can make its files slow, but not this slow."""


def inside(init: int, task: Callable[[], bytes]) -> bytes:
    """Run `task` as the root of the jail of `init`; raises the `OSError` that it raises."""
    namespaces = [
        (os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind)
        for name, kind in (("user", CLONE_NEWUSER), ("mnt", CLONE_NEWNS))
    ]
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(writer, namespaces, task)
    os.close(writer)
    for fd, _ in namespaces:
        os.close(fd)
    with open(reader, "rb") as file:
        answer = file.read()
    os.waitpid(pid, 0)
    number, _, body = answer.partition(b"\n")
    if number != b"0":
        raise OSError(int(number or errno.EIO), os.fsdecode(body))
    return body


def _child(writer: int, namespaces: list[tuple[int, int]], task: Callable[[], bytes]) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        for fd, kind in namespaces:
            setns(fd, kind)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        answer = b"0\n" + task()
    except OSError as error:
        text = str(error.filename or error.strerror or error)
        answer = f"{error.errno or errno.EIO}\n".encode() + os.fsencode(text)
    except BaseException as error:  # noqa: BLE001 - nothing may run on in the forked child
        answer = f"{errno.EIO}\n{error}".encode()
    with suppress(OSError), open(writer, "wb") as file:
        file.write(answer)
    os._exit(0)


def read(path: str, max_bytes: int) -> bytes:
    """Give a regular file's content; EFBIG if it is longer, EACCES if it is no such file."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        if not stat.S_ISREG(mode):
            raise PermissionError(errno.EACCES, "Not a regular file", path)
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, "File too large", path)
    return data


def write(path: str, data: bytes, mode: int) -> bytes:
    """Create or replace a file, making its folders; all of it or nothing."""
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.asynccode-{os.getpid()}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return b""
