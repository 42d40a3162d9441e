"""The state of a container, as its host sees it: a fingerprint, and whether process 1 stood still.

All of it is read from the host, through the kernel, never by a program of the image: whoever is
root inside can change what is read, and not how. What is compared is the container with itself
when it was new, so nothing here depends on a clock.

`Fingerprint` is what outlives processes, in parts. `Stillness` is of process 1, the one process
that a reset keeps. Its registers, descriptors, handlers and rights can only change by its running,
which the kernel counts; its memory can be written by others, so that is digested.
"""

from __future__ import annotations

from attrs import asdict, frozen

from asynccode.backends.engine import ends, first, kernel, trees
from asynccode.backends.engine.digests import part
from asynccode.backends.engine.ends import flags, restore
from asynccode.backends.engine.first import Stillness, stillness

__all__ = [
    "Fingerprint", "Stillness", "files", "fingerprint", "flags", "restore", "stillness", "streams",
]  # fmt: skip


@frozen(kw_only=True)
class Fingerprint:
    """What there is in a container beside its processes; each field but one is a digest."""

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
    numbers: tuple[int, ...]
    """What the next objects of the kernel and files in memory are numbered. Each look takes one."""

    def difference(self, later: Fingerprint) -> str | None:
        """Name the first part in which the next look differs."""
        now = asdict(later)
        for name, value in asdict(self).items():
            if name != "numbers" and value != now[name]:
                return name
        return None if kernel.follow(later.numbers, self.numbers) else "numbers"


def fingerprint(init: int, container: str, upper: bytes) -> Fingerprint:
    """Look at a container by the number of its process 1 here.

    Raises `OSError`, called like the part, if one cannot be looked at.
    """
    return Fingerprint(
        files=files(init, upper),
        limits=part("limits", first.limits(init)),
        objects=part("objects", kernel.objects(init, container)),
        network=part("network", kernel.network(init)),
        streams=streams(init),
        numbers=_numbers(init),
    )


def files(init: int, upper: bytes) -> str:
    """Give that part of the fingerprint alone."""
    return part("files", trees.files(init, upper))


def streams(init: int) -> str:
    """Give that part of the fingerprint alone."""
    return part("streams", ends.streams(init))


def _numbers(init: int) -> tuple[int, ...]:
    try:
        return kernel.numbers(init)
    except OSError as error:
        raise OSError("numbers") from error
