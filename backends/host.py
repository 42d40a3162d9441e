"""The `host` base: this machine's system folders, and nothing of its people.

A skeleton of folders, the few files of /etc that programs need (the accounts are our own,
not the host's), and /usr bound in read-only. No /home, no /root, no /var, no secrets.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from asynccode.backends import trees

LINKED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
FOLDERS = ("dev", "etc", "home", "mnt", "opt", "proc", "run", "srv", "sys", "usr", "var", "work")
OPEN = ("tmp", "var/tmp")
ETC = (
    "alternatives",
    "debian_version",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "protocols",
    "services",
    "terminfo",
    "timezone",
)
WRITTEN = {
    "group": "root:x:0:\ndaemon:x:1:\nbin:x:2:\nstaff:x:50:\nusers:x:100:\nnogroup:x:65534:\n",
    "hostname": "sandbox\n",
    "hosts": "127.0.0.1\tlocalhost sandbox\n::1\tlocalhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
    "passwd": (
        "root:x:0:0:root:/root:/bin/bash\n"
        "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
        "bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
}


@cache
def bound() -> tuple[str, ...]:
    """Give the folders of this machine that a jail sees read-only."""
    real = [f"/{name}" for name in LINKED if Path("/", name).is_dir()]
    return ("/usr", *(path for path in real if not os.path.islink(path)))


@cache
def hidden(tasks: Path | None = None) -> tuple[str, ...]:
    """Give the folders below the bound ones that no jail is to see: our own tasks.

    They hold golds, hidden tests and how flags are made, and lie there when asynccode is
    installed for the whole machine.
    """
    place = tasks or Path(__file__).resolve().parent.parent / "tasks"
    return (str(place),) if any(place.is_relative_to(folder) for folder in bound()) else ()


def _etc_files() -> Iterable[Path]:
    for name in ETC:
        path = Path("/etc", name)
        if path.is_dir() and not path.is_symlink():
            yield from sorted(path.rglob("*"))
        elif path.is_symlink() or path.exists():
            yield path


def digest() -> str:
    """Hex SHA-256 of what `build` would build."""
    state = hashlib.sha256(repr((LINKED, FOLDERS, OPEN, WRITTEN, bound())).encode())
    for path in _etc_files():
        with suppress(OSError):
            content = os.readlink(path).encode() if path.is_symlink() else b""
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
            state.update(repr((str(path), content)).encode())
    return state.hexdigest()


def build(target: Path) -> None:
    """Lay the skeleton out in `target`, an empty folder."""
    modes = dict.fromkeys(FOLDERS, 0o755) | dict.fromkeys(OPEN, 0o1777) | {"root": 0o700}
    for name, mode in modes.items():
        trees.make(target / name, mode)
    for name in LINKED:
        host = Path("/", name)
        if host.is_symlink():
            os.symlink(os.readlink(host), target / name)
        elif host.is_dir():
            trees.make(target / name)
    for path in _etc_files():
        place = target / path.relative_to("/")
        trees.make(place.parent)
        with suppress(PermissionError):  # what we may not read, a jail need not
            if path.is_dir() and not path.is_symlink():
                trees.make(place)
            else:
                shutil.copy2(path, place, follow_symlinks=False)
    for name, text in WRITTEN.items():
        file = target / "etc" / name
        file.write_text(text)
        file.chmod(0o644)
