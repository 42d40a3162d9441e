"""Digests of what is read from the kernel."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def part(name: str, pieces: Iterator[str | bytes]) -> str:
    """Give the digest of a part; an `OSError` on the way has its name."""
    try:
        return digest(pieces)
    except OSError as error:
        raise OSError(name) from error


def digest(pieces: Iterator[str | bytes]) -> str:
    """Give one word for all of them."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        data = os.fsencode(piece)
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def text(path: str) -> str:
    """Read a file of `/proc`, which need not be there if its process is."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        os.lstat(path.rpartition("/")[0])  # raises if it is the process that is not there
        return "-"
