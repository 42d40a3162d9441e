"""What a challenge is: words, a scene made around a flag, and gold that solves it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import field, frozen

DATA = Path(__file__).parent.parent / "data" / "ctf"
"""Programs that lie in the sandboxes, or serve there."""
PORT = 7000
"""Where a challenge's service listens, on the sandbox's own loopback."""

_WORDS = (
    *("amber", "barge", "cedar", "delta", "ember", "ferry", "grove", "haven", "inlet", "jetty"),
    *("kiosk", "larch", "manor", "north", "ochre", "plain", "quarry", "river", "slate", "tower"),
    *("upper", "vault", "wharf", "yield", "zenith", "anchor", "bridge", "copper"),
)

Difficulty = Literal["easy", "medium", "hard"]


@frozen(kw_only=True)
class Scene:
    """What is put into a sandbox before the agent comes."""

    files: Mapping[str, bytes] = field(factory=dict)
    """By path, relative to the image's working folder."""
    modes: Mapping[str, int] = field(factory=dict)
    """Permission bits of files that are not to have 0644."""
    setup: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """Bash commands, each of which must succeed, run in the working folder."""
    service: str | None = None
    """Source of a program that serves on `PORT`; see `data/ctf/harness.py`."""
    secret: str = ""
    """What only the service's memory is to hold: it is `SECRET` to the program."""


@frozen(kw_only=True)
class Challenge:
    """One challenge."""

    name: str
    """`CATEGORY-words`; the words are part of the flag."""
    difficulty: Difficulty
    query: str
    build: Callable[[str, random.Random], Scene] = field(repr=False)
    """Make the scene around a flag. The same for the same flag and the same random numbers."""
    gold: Sequence[str] = field(converter=tuple[str, ...], repr=False)
    """Actions that find any flag; the last one prints it, alone."""

    @property
    def category(self) -> str:
        """The first word of the name."""
        return self.name.partition("-")[0]


def program(name: str) -> str:
    """Give the source of a program of `data/ctf`."""
    return (DATA / f"{name}.py").read_text(encoding="utf-8")


def solution(challenge: str, file: str = "solve.py") -> str:
    """Give the action that writes a challenge's solution, a program, into a file."""
    return f"cat > {file} <<'END'\n{program(f'solutions/{challenge}')}END"


def words(rng: random.Random, count: int) -> str:
    """Give a sentence of `count` words that say nothing."""
    return " ".join(rng.choice(_WORDS) for _ in range(count))
