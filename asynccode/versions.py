"""What a run is made with: our version and commit, the backend's, Python's, the kernel's."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from asynccode.interfaces import Technology

PROBE_SECONDS = 30.0
GIT_SECONDS = 10.0


async def versions(backend: Technology) -> dict[str, str | None]:
    """Give them for a manifest; None is what cannot be found out. Never raises."""
    from asynccode import __version__

    version = None
    with anyio.move_on_after(PROBE_SECONDS):
        version = (await backend.probe()).version
    return {
        "asynccode": __version__,
        "commit": await anyio.to_thread.run_sync(commit),
        "backend": version,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def commit(folder: Path = Path(__file__).parent) -> str | None:
    """Give the commit of the checkout that the package is run from, `-dirty` if changed.

    None if it is installed: an environment may lie in a checkout of something else.
    """
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    found = _git(folder, "rev-parse", "HEAD")
    return found and found + ("-dirty" if _git(folder, "status", "--porcelain", "-uno") else "")


def _git(folder: Path, *words: str) -> str | None:
    command: Sequence[str] = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
