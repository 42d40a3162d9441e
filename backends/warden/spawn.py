"""From a request to a running nsjail."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from asynccode.backends.warden.syscalls import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    die_with_parent,
    mount,
    unshare,
)

# Everything below is seen by the warden and its jails only: its mounts are private.
HIDDEN = "/run"
DEVICES = f"{HIDDEN}/asynccode/dev"
IMAGES = f"{HIDDEN}/asynccode/images"
WORLD = f"{HIDDEN}/asynccode/world"
AHEAD = {name: f"{HIDDEN}/asynccode/ahead-{name}.cfg" for name in ("keeper", "shell")}
"""What nsjail reads before a jail's own configuration, by what process 1 is to be."""
UPPER, WORK = f"{WORLD}/upper", f"{WORLD}/work"
NAME = "sandbox"
NAMES = "/etc/nsswitch.conf"
NODES = ("null", "zero", "full", "random", "urandom", "tty")
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
FIRST = 3
"""Where descriptors handed to nsjail begin."""


def settle(cache: str, ahead: dict[str, str]) -> None:
    """Move this process to a private mount namespace and lay it out.

    An ordinary user gets a user namespace first, in which they are root. `ahead` is what is in
    the files of `AHEAD`.
    """
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        unshare(CLONE_NEWNS)
    else:
        unshare(CLONE_NEWUSER | CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="utf-8")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", HIDDEN, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for folder in (f"{DEVICES}/pts", IMAGES, WORLD):
        os.makedirs(folder)
    mount(cache, IMAGES, None, MS_BIND)
    _prepare_configuration(ahead)
    for name in NODES:
        node = f"{DEVICES}/{name}"
        with suppress(OSError):
            Path(node).touch()
            mount(f"/dev/{name}", node, None, MS_BIND)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
        ("shm", "/tmp"),  # noqa: S108 - the jail's own, as large as its disk limit
    ):
        os.symlink(target, f"{DEVICES}/{name}")


def spawn(
    argv: Sequence[str],
    fds: Sequence[int],
    *,
    disk: int,
    network: bool,
    owner: int,
    log: int,
    enter: Callable[[], None],
) -> int:
    """Start nsjail with `fds` from `FIRST` on, after calling `enter`; gives its process id.

    It finds a fresh world of `disk` bytes that `owner` owns: a tmpfs mounted in a mount
    namespace of nsjail's own, outside the jail, inside nobody else, gone when nsjail is. The
    namespaces that need to know nothing of the jail are made here, ahead of it; as they belong
    to us, root of the jail has no say in them. With `network` it keeps this machine's, in which
    it has no say either. What goes wrong is said to `log`.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with_parent(signal.SIGKILL, parent)
        enter()
        apart = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
        unshare(apart if network else apart | CLONE_NEWNET)
        socket.sethostname(NAME)
        if not network:
            _raise_loopback()
        mount("tmpfs", WORLD, "tmpfs", MS_NOSUID | MS_NODEV, f"size={disk},mode=755")
        for folder in (UPPER, WORK):
            os.mkdir(folder, 0o755)
            os.chown(folder, owner, owner)
        null = os.open(os.devnull, os.O_RDWR)
        for target, fd in enumerate((null, null, null, *fds)):
            os.dup2(fd, target)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execv(argv[0], list(argv))
    except BaseException as error:  # noqa: BLE001 - nothing may run on in the forked child
        with suppress(OSError):
            os.write(log, f"{argv[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _raise_loopback() -> None:
    """Let programs of this network namespace talk to one another."""
    with socket.socket() as sock:
        request = struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(sock, SIOCSIFFLAGS, request)


def _prepare_configuration(ahead: dict[str, str]) -> None:
    """Write the part of nsjail's configuration that is read ahead of its jail.

    It looks names up meanwhile: files are enough for that.
    """
    for name, text in ahead.items():
        Path(AHEAD[name]).write_text(text, encoding="utf-8")
    with suppress(OSError):
        short = f"{HIDDEN}/asynccode/nsswitch.conf"
        Path(short).write_text("passwd: files\ngroup: files\n", encoding="utf-8")
        mount(short, NAMES, None, MS_BIND)
