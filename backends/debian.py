"""Root file systems that no registry can give: Debian 12, made with debootstrap."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from asynccode.errors import ImageError

SUITE = "bookworm"
WITH_PROC = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
"""Java's packages are not configured without /proc; out of the host's sight, and gone after."""
LEFTOVERS = ("var/cache/apt/archives", "var/lib/apt/lists", "var/log", "dev")


@frozen(kw_only=True)
class Recipe:
    """A minimal Debian plus packages."""

    packages: tuple[str, ...]

    def build(self, target: Path) -> None:
        """Make it in `target`; takes about a minute, needs root and Debian's packages.

        Raises `ImageError` that says what failed and what would mend it.
        """
        if os.getuid() != 0:
            raise ImageError("Only root can make a Debian base with debootstrap; run this as root.")
        with tempfile.TemporaryDirectory(prefix="asynccode-debootstrap-") as scratch:
            tool, environment = _debootstrap(Path(scratch))
            _run([tool, "--variant=minbase", SUITE, str(target)], environment)
        inside = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        shutil.copy("/etc/resolv.conf", target / "etc/resolv.conf")
        chroot = ["unshare", "--mount", "sh", "-c", WITH_PROC, str(target), "apt-get", "-q", "-y"]
        _run([*chroot, "update"], inside)
        quick = "-oDpkg::Options::=--force-unsafe-io"  # nothing is kept if it goes wrong
        _run([*chroot, "install", quick, "--no-install-recommends", *self.packages], inside)
        _run([*chroot, "clean"], inside)
        (target / "etc/resolv.conf").unlink()
        for name in LEFTOVERS:
            for path in (target / name).iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


RECIPES = {
    "debian-12": Recipe(packages=("bash",)),
    # What the nl2bash images of InterCode hold, on Debian 12.
    "debian-12-intercode": Recipe(
        packages=(
            *("bash", "python3", "psmisc", "bsdmainutils", "cron", "imagemagick", "dnsutils"),
            *("git", "tree", "net-tools", "iputils-ping", "coreutils", "curl", "cpio", "jq"),
            *("md5deep", "procps"),
        )
    ),
    # What the languages described in tasks/languages need, and what drives programs by hand.
    "debian-12-languages": Recipe(
        packages=(
            *("bash", "procps", "python3", "gcc", "g++", "libc6-dev", "nodejs", "perl"),
            *("default-jdk-headless", "golang-go", "rustc", "lua5.4", "gdb", "netcat-openbsd"),
        )
    ),
    # What the image of InterCode's capture-the-flag tasks holds, on Debian 12.
    "debian-12-ctf": Recipe(
        packages=(
            *("bash", "python3", "psmisc", "bsdmainutils", "cron", "imagemagick", "dnsutils"),
            *("git", "wget", "gcc", "sleuthkit", "netcat-openbsd", "unzip", "curl", "gdb"),
            *("poppler-utils", "file", "xxd", "procps", "python3-pip", "python3-pycryptodome"),
        )
    ),
}


def can_build() -> bool:
    """Whether this machine has what `Recipe.build` starts from."""
    tools = shutil.which("debootstrap") or (shutil.which("apt-get") and shutil.which("dpkg-deb"))
    return os.getuid() == 0 and bool(tools)


def recipe_digest(name: str) -> str:
    """Hex SHA-256 of a recipe (Debian's packages of the day are not part of it)."""
    return hashlib.sha256(repr((SUITE, RECIPES[name])).encode()).hexdigest()


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
