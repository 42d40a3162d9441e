"""The state of a container, as its host sees it: a fingerprint, and whether process 1 stood still.

All of it is read from the host, through the kernel, never by a program of the image: whoever is
root inside can change what is read, and not how. What is compared is the container with itself
when it was new, so nothing here depends on a clock.

`Fingerprint` is what outlives processes, in parts. `Stillness` is of process 1, the one process
that a reset keeps. Its registers, descriptors, handlers and rights can only change by its running,
which the kernel counts; its memory can be written by others, so that is digested.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import platform
import stat
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from attrs import asdict, frozen

from asynccode.backends.warden.syscalls import CLONE_NEWIPC, setns

MOST = 4096
"""Paths looked at; who writes more than that in one place has written."""
HEAD = 65536
"""Bytes of each file that are read."""
PAGE = os.sysconf("SC_PAGE_SIZE")
FILE_BACKED, IN_SWAP = 1 << 61, 1 << 62
PIPES = {0: os.O_RDONLY, 1: os.O_WRONLY, 9: os.O_WRONLY}
"""Where process 1 has the pipes to the engine."""
PIDFD_GETFD = 438
IOPRIO_GET = {"x86_64": 252, "aarch64": 31}.get(platform.machine())
BARE = frozenset({"proc", "sysfs", "cgroup", "cgroup2"})
"""Mounts of the kernel's own, which are not walked."""
VOLATILE = ("Vm", "Rss", "State:", "SigQ:", "voluntary", "nonvoluntary", "Speculation", "x86_")
"""What begins a line of `/proc/PID/status` that changes without anybody's doing."""
_libc = ctypes.CDLL(None, use_errno=True)


@frozen(kw_only=True)
class Fingerprint:
    """What there is in a container beside its processes; each field is a digest."""

    files: str
    """Every path of the upper layer and of all else that can be written to: inode, owner,
    permissions, size, times, how it begins. What decides is the time that nobody can set
    (`st_ctime`)."""
    limits: str
    """What others can do to process 1: resource limits, priorities, processors, signals; also its
    namespaces, mounts and open files."""
    objects: str
    """System V and POSIX IPC, and keys."""
    network: str
    """How many sockets there are, and what went over the loopback: what is left of a connection
    that nobody has open any more (TIME_WAIT) has gone over it."""
    streams: str
    """The pipes to the engine: sizes, flags, and that nothing waits to be read as input."""

    def difference(self, other: Fingerprint) -> str | None:
        """Name the first part in which they differ."""
        others = asdict(other)
        return next((name for name, value in asdict(self).items() if value != others[name]), None)


@frozen(kw_only=True)
class Stillness:
    """Where process 1 waits."""

    memory: str
    """A digest of its map, and of each page that is not just a file's."""
    runs: int
    """How often it has given up or lost the processor."""
    call: str
    """The system call it waits in, with its arguments, stack and place."""

    def lasts(self, earlier: Stillness, *, frozen: bool) -> bool:
        """Whether it has not run since; to be `frozen` counts once."""
        same = (self.memory, self.call) == (earlier.memory, earlier.call)
        return same and self.runs == earlier.runs + frozen


def fingerprint(init: int, container: str, upper: bytes) -> Fingerprint:
    """Look at a container by the number of its process 1 here.

    Raises `OSError`, called like the part, if one cannot be looked at.
    """
    return Fingerprint(
        files=files(init, upper),
        limits=_part("limits", _limits(init)),
        objects=_part("objects", _objects(init, container)),
        network=_part("network", _network(init)),
        streams=streams(init),
    )


def files(init: int, upper: bytes) -> str:
    """Give that part of the fingerprint alone."""
    return _part("files", _files(init, upper))


def streams(init: int) -> str:
    """Give that part of the fingerprint alone."""
    return _part("streams", _streams(init))


def stillness(init: int) -> Stillness:
    """Look at process 1; raises `OSError` if it is gone, or runs."""
    runs, call = _runs(init), _text(f"/proc/{init}/syscall")
    found = Stillness(memory=_digest(_memory(init)), runs=runs, call=call)
    if _runs(init) != runs or call.startswith("running"):
        raise OSError("process 1 does not wait")
    return found


def _part(name: str, pieces: Iterator[str | bytes]) -> str:
    try:
        return _digest(pieces)
    except OSError as error:
        raise OSError(name) from error


def _digest(pieces: Iterator[str | bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        data = os.fsencode(piece)
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        os.lstat(path.rpartition("/")[0])  # raises if it is the process that is not there
        return "-"


def _files(init: int, upper: bytes) -> Iterator[str | bytes]:
    yield from _tree(upper)
    for line in _text(f"/proc/{init}/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        place, options = before.split()[4:6]
        kind = after.split()[0]
        where = os.fsencode(f"/proc/{init}/root" + place)
        if "ro" in options.split(",") or kind in BARE or (place, kind) == ("/", "overlay"):
            continue
        if kind == "devpts":  # whose times are those of its terminals
            yield from sorted(os.listdir(where))
        else:
            yield from _tree(where)


def _tree(top: bytes) -> Iterator[str | bytes]:
    """Give what is known of each path below, on the same file system."""
    device, paths, seen = os.lstat(top).st_dev, [top], 0
    while paths:
        path = paths.pop()
        info = os.lstat(path)
        if info.st_dev != device:
            continue
        if (seen := seen + 1) > MOST:
            raise OSError("more was written than is looked at")
        yield path
        yield repr((
            info.st_ino, info.st_mode, info.st_nlink, info.st_uid, info.st_gid, info.st_rdev,
            info.st_size, info.st_mtime_ns, info.st_ctime_ns,
        ))  # fmt: skip
        if stat.S_ISREG(info.st_mode):  # not every file system's times are fine ones
            with open(os.fsdecode(path), "rb", opener=_unfollowed) as file:
                yield file.read(HEAD)
        elif stat.S_ISLNK(info.st_mode):
            yield os.readlink(path)
        elif stat.S_ISDIR(info.st_mode):
            paths += [os.path.join(path, name) for name in sorted(os.listdir(path))]


def _unfollowed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME)


def _limits(init: int) -> Iterator[str]:
    lines = _text(f"/proc/{init}/status").splitlines()
    yield from (line for line in lines if not line.startswith(VOLATILE))
    for name in ("limits", "oom_score_adj", "autogroup", "timerslack_ns", "coredump_filter"):
        yield _text(f"/proc/{init}/{name}")
    yield from (_text(f"/proc/{init}/{name}") for name in ("cgroup", "mountinfo"))
    fields = _text(f"/proc/{init}/stat").rpartition(")")[2].split()
    yield repr([fields[at] for at in (1, 2, 3, 4, 15, 16, 37, 38)])  # ... priorities, policy
    if IOPRIO_GET is not None:
        yield str(_libc.syscall(IOPRIO_GET, 1, init))
    for folder in ("ns", "fd"):
        for name in sorted(os.listdir(f"/proc/{init}/{folder}")):
            yield f"{name} {os.readlink(f'/proc/{init}/{folder}/{name}')}"
    yield from (os.readlink(f"/proc/{init}/{name}") for name in ("cwd", "root", "exe"))


def _objects(init: int, container: str) -> Iterator[str]:
    def read() -> list[str]:
        return [_text(f"/proc/sysvipc/{name}") for name in ("msg", "sem", "shm")]

    yield from _inside(init, read)
    if not os.path.ismount(f"/proc/{init}/root/dev/mqueue"):  # else `_files` has looked
        raise OSError("message queues cannot be looked at")
    for line in _text("/proc/keys").splitlines():
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


def _network(init: int) -> Iterator[str]:
    yield _text(f"/proc/{init}/net/dev")
    yield _text(f"/proc/{init}/net/sockstat").partition("\n")[0]  # the rest is the machine's


def _streams(init: int) -> Iterator[str]:
    for number, way in PIPES.items():
        fd = os.open(f"/proc/{init}/fd/{number}", way | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            size = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
            waiting = fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0") if number == 0 else b""
        finally:
            os.close(fd)
        if any(waiting):
            raise OSError("something was left to be read as input")
        yield f"{size} {_text(f'/proc/{init}/fdinfo/{number}')}"


def flags(init: int) -> dict[int, int]:
    """Give the flags of the pipes to the engine, which all who hold them share."""
    found = {}
    for number in PIPES:
        if not (words := _text(f"/proc/{init}/fdinfo/{number}").partition("flags:")[2].split()):
            raise OSError("streams")
        found[number] = int(words[0], 8)
    return found


def restore(init: int, before: dict[int, int]) -> None:
    """Set these flags as they were, at the pipes' own: some programs set O_APPEND and go."""
    for number, now in flags(init).items():
        if now == before[number]:
            continue
        process = os.pidfd_open(init)
        fd = _libc.syscall(PIDFD_GETFD, process, number, 0)
        os.close(process)
        if fd >= 0:
            try:
                fcntl.fcntl(fd, fcntl.F_SETFL, before[number])
            finally:
                os.close(fd)


def _runs(init: int) -> int:
    lines = _text(f"/proc/{init}/status").splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def _memory(init: int) -> Iterator[str | bytes]:
    """Give the map, and every page that is the process's own: written, or not a file's at all."""
    text = _text(f"/proc/{init}/maps")
    yield text
    with (
        open(f"/proc/{init}/pagemap", "rb", buffering=0) as table,
        open(f"/proc/{init}/mem", "rb", buffering=0) as memory,
    ):
        for line in text.splitlines():
            if line.endswith(("[vvar]", "[vvar_vclock]", "[vsyscall]")):  # the kernel's own
                continue
            first, last = (int(word, 16) // PAGE for word in line.split()[0].split("-"))
            entries = os.pread(table.fileno(), (last - first) * 8, first * 8)
            for number in range(len(entries) // 8):
                entry = int.from_bytes(entries[number * 8 : number * 8 + 8], "little")
                if entry >= IN_SWAP and not entry & FILE_BACKED:  # in memory, or in swap
                    where = (first + number) * PAGE
                    yield str(where)
                    yield os.pread(memory.fileno(), PAGE, where)
