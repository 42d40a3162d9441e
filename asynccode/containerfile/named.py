"""Which bases are Containerfiles: our own by name, anybody's by path."""

from __future__ import annotations

from pathlib import Path

NAMED = {
    # What the nl2bash images of InterCode hold, on Debian 12.
    "debian-12-intercode": "tasks/intercode/Containerfile",
    # What the languages described in tasks/languages need, and what drives programs by hand.
    "debian-12-languages": "tasks/languages/Containerfile",
    # What the image of InterCode's capture-the-flag tasks holds, on Debian 12.
    "debian-12-ctf": "tasks/intercode/ctf/Containerfile",
    # Python alone: enough for the suites bash, python and ctf where there is no base `host`.
    "debian-12-python": "tasks/python/Containerfile",
}
"""Our own, which stand beside their tasks."""
ROOT = Path(__file__).parent.parent
WORDS = ("containerfile", "dockerfile")


def find(base: str) -> Path | None:
    """Give the Containerfile that a base stands for; None if it is something else.

    A path is one if the file's name says so: `Containerfile`, `Dockerfile.test`, `my.dockerfile`.
    """
    if base in NAMED:
        return ROOT / NAMED[base]
    name = Path(base).name.lower()
    first, last = name.partition(".")[0], name.rpartition(".")[2]
    return Path(base) if first in WORDS or last in WORDS else None
