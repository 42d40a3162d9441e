"""An engine's image as a root file system that other backends take as their base."""

from __future__ import annotations

import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

STUBS = ("etc/hosts", "etc/hostname", "etc/resolv.conf")
"""Empty files that an engine puts where an image has none, to mount its own over them."""


async def write(container: AsyncIterator[bytes], dest: Path) -> int:
    """Write what a container that never ran holds to a new tar archive; gives how many paths.

    What the engine has added is left out. A file that could not be completed is removed.
    """
    with TemporaryDirectory(prefix=".asynccode-", dir=dest.parent) as scratch:
        whole, wanted = Path(scratch, "whole.tar"), Path(scratch, "wanted.tar")
        async with await anyio.open_file(whole, "wb") as file:
            async for piece in container:
                await file.write(piece)
        count = await anyio.to_thread.run_sync(_sift, whole, wanted)
        wanted.rename(dest)
        return count


def _sift(source: Path, target: Path) -> int:
    count = 0
    with tarfile.open(source) as whole, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
        for member in whole:
            name = member.name.removeprefix("./").strip("/")
            if not name or _is_the_engine_s(name, member):
                continue
            member.name = f"./{name}"
            if member.islnk():
                member.linkname = f"./{member.linkname.removeprefix('./').strip('/')}"
            member.pax_headers = {}  # they hold the old names
            member.uname = member.gname = ""
            out.addfile(member, whole.extractfile(member) if member.isreg() else None)
            count += 1
    return count


def _is_the_engine_s(name: str, member: tarfile.TarInfo) -> bool:
    if name in (".dockerenv", "run/.containerenv") or name.startswith("dev/"):
        return True
    if name == "etc/mtab":
        return member.issym() and member.linkname == "/proc/mounts"
    return name in STUBS and member.isreg() and member.size == 0
