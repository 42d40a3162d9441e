"""The root file system that no registry can give here: Debian 12, made with debootstrap."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from asynccode.errors import ImageError

SUITE = "bookworm"
LEFTOVERS = ("var/cache/apt/archives", "var/lib/apt/lists", "var/log", "dev")
"""Folders that begin empty."""
WRITTEN = ("etc/resolv.conf", "etc/hostname")
"""What debootstrap copies from this machine."""


NAME = "debian-12"
"""What it is called as a base; Containerfiles call it debian:bookworm-slim."""


def build(target: Path) -> None:
    """Make it in `target`; takes about half a minute, needs root and Debian's packages.

    Raises `ImageError` that says what failed and what would mend it.
    """
    if os.getuid() != 0:
        raise ImageError("Only root can make a Debian base with debootstrap; run this as root.")
    with tempfile.TemporaryDirectory(prefix="asynccode-debootstrap-") as scratch:
        tool, environment = _debootstrap(Path(scratch))
        _run([tool, "--variant=minbase", SUITE, str(target)], environment)
    for name in LEFTOVERS:
        for path in (target / name).iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in WRITTEN:
        (target / name).unlink(missing_ok=True)


def can_build() -> bool:
    """Whether this machine has what `build` starts from."""
    tools = shutil.which("debootstrap") or (shutil.which("apt-get") and shutil.which("dpkg-deb"))
    return os.getuid() == 0 and bool(tools)


def digest() -> str:
    """Hex SHA-256 of how it is made (Debian's packages of the day are not part of it)."""
    return hashlib.sha256(repr((SUITE, "minbase", LEFTOVERS, WRITTEN)).encode()).hexdigest()


def _debootstrap(scratch: Path) -> tuple[str, dict[str, str]]:
    """Give a debootstrap and its environment: the machine's, or one unpacked into `scratch`."""
    if tool := shutil.which("debootstrap"):
        return tool, dict(os.environ)
    if not shutil.which("apt-get"):
        raise ImageError("A Debian base needs debootstrap; install it, or give a --base folder.")
    # Everything in a scratch folder: the machine's own packages are not ours to change.
    private = [f"-oDir::State::lists={scratch}/lists", f"-oDir::Cache={scratch}/cache"]
    for name in ("lists/partial", "cache/archives/partial", "root"):
        (scratch / name).mkdir(parents=True)
    environment = dict(os.environ)
    _run(["apt-get", "-q", *private, "update"], environment)
    _run(["apt-get", "-q", *private, "download", "debootstrap"], environment, cwd=scratch)
    (package,) = scratch.glob("debootstrap*.deb")
    _run(["dpkg-deb", "-x", str(package), str(scratch / "root")], environment)
    environment["DEBOOTSTRAP_DIR"] = str(scratch / "root/usr/share/debootstrap")
    return str(scratch / "root/usr/sbin/debootstrap"), environment


def _run(argv: Sequence[str], environment: dict[str, str], cwd: Path | None = None) -> None:
    done = subprocess.run(argv, env=environment, cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        raise ImageError(f"{' '.join(argv[:4])} ... failed: {said[-700:]}")
