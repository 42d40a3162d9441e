"""Flags: made from a seed, so that each attempt has its own, and never a lookup away."""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Iterator

TOKEN = 12
"""Hex digits of a flag that differ from attempt to attempt."""


def make_flag(seed: int, challenge: str, attempt: int) -> str:
    """Give the flag of one attempt: `flag{...}` with words of the name and `TOKEN` hex digits.

    The same for the same seed, so that an attempt can be played again. Whoever knows the seed
    knows the flags: a run against agents that may read this file is to have a seed of its own.
    """
    state = hashlib.sha256(f"asynccode ctf\0{seed}\0{challenge}\0{attempt}".encode())
    words = challenge.partition("-")[2].replace("-", "_")
    return f"flag{{{words}_{state.hexdigest()[:TOKEN]}}}"


def body(flag: str) -> str:
    """Give what is between a flag's braces, or all of a flag that has none."""
    start, brace, rest = flag.partition("{")
    return rest.removesuffix("}") if brace else start


def disguises(flag: str) -> dict[str, str]:
    """Give texts that would give a flag away, by the name of the encoding.

    Base64 in its three alignments, without the characters that depend on what is around.
    """
    text = body(flag)
    data = text.encode()
    found = {
        "plain": text,
        "reversed": text[::-1],
        "rot13": codecs.encode(text, "rot13"),
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "spaced hex": data.hex(" "),
    }
    found |= dict(zip(("base64", "base64+1", "base64+2"), _base64(data), strict=True))
    if text[-TOKEN:] != text:
        found["token"] = text[-TOKEN:]
    return found


def _base64(data: bytes) -> Iterator[str]:
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        start = (shift * 8 + 5) // 6
        whole = (shift + len(data)) * 8 // 6
        yield text[start:whole]
