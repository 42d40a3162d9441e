"""The public package `intercode-bench` in a virtual environment of its own, made once.

It lies in the user's cache, beside the images: nothing of it is installed where asynccode is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = "intercode-bench==0.1.22"
INSTALL_SECONDS = 900.0


class NotInstalledError(Exception):
    """It cannot be had here; says why in one sentence."""


def interpreter() -> Path:
    """Give the Python that has the package, installed if need be. Raises `NotInstalledError`."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = base / "asynccode" / "peers" / f"{PACKAGE.replace('==', '-')}-python{version}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        python = folder / "bin/python"
        _run([sys.executable, "-m", "venv", str(folder)], "a virtual environment cannot be made")
        words = [str(python), "-m", "pip", "install", "--quiet", PACKAGE]
        _run(words, f"pip cannot install {PACKAGE}")
        (folder / "complete").touch()
    return folder / "bin/python"


def _run(words: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(
            words, capture_output=True, check=False, text=True, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{what}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        raise NotInstalledError(f"{what}: {said[-1][:300]}")
