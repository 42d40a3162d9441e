"""The reward of IC-Bash: 0.01 + files + contents + answer (bash_env.py:71-143).

Everything here decides from texts; `environment.py` fetches them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from attrs import asdict, field, frozen

from asynccode.tasks.intercode.quoting import OriginalCrashError, split
from asynccode.tasks.intercode.similarity import answer_similarity

Entry = tuple[str, str]
"""A path as git prints it, and its status letters."""

HASHED = frozenset({"A", "??", "C"})
"""The statuses whose contents are compared; modified files are not (bash_env.py:105)."""


def parse_status(text: str) -> frozenset[Entry]:
    """Read `git status --short`: pairs of words, whatever the lines (bash_env.py:160-166).

    A path with a blank, or a rename, shifts all pairs after it. Raises `OriginalCrashError`
    if the number of words is odd.
    """
    words = text.split()
    if len(words) % 2:
        raise OriginalCrashError("IndexError: list index out of range (bash_env.py:164)")
    return frozenset(zip(words[1::2], words[::2], strict=True))


def hash_argv(path: str) -> list[str]:
    """Give what computes the hash of a path: no shell, only word splitting (bash_env.py:108).

    Raises `OriginalCrashError` if the path is one half of a quoted name.
    """
    found = split(f"md5sum {path}" if "." in path else f"md5deep -r {path}")
    if found is None:
        raise OriginalCrashError("ValueError: No closing quotation (bash_env.py:113)")
    return found


def hashed(changes: Iterable[Entry]) -> list[Entry]:
    """Give the changes whose contents are compared, sorted."""
    return sorted(entry for entry in changes if entry[1] in HASHED)


@frozen(kw_only=True)
class Side:
    """What one of the two sandboxes holds when it is scored."""

    answer: str | None
    """The last observation; None if gold's output was not text."""
    changes: frozenset[Entry]
    hashes: Mapping[str, str] = field(factory=dict)
    """What hashing a path printed, by path."""


@frozen(kw_only=True)
class Parts:
    """The three parts of a reward, each 0 to 0.33."""

    file_diff: float
    file_changes: float
    answer_similarity: float

    def as_dict(self) -> dict[str, float]:
        """Give the parts by name."""
        return asdict(self)

    @property
    def reward(self) -> float:
        """The sum, in the original's order of additions: full marks are exactly 1.0."""
        return 0.01 + self.file_diff + self.file_changes + self.answer_similarity


def file_diff(wrong: int) -> float:
    """Score `wrong` paths that only one side reports: 0.33, 0.05, 0, ... (bash_env.py:98)."""
    return round(0.33 * (1 - math.erf(wrong)), 2)


def file_changes(same: int, total: int) -> float:
    """Score `same` equal contents of `total` compared; all of 0.33 if there are none."""
    return round(0.33 * (same / total), 2) if total else 0.33


def answer_part(similarity: float) -> float:
    """Score the likeness of two answers (bash_env.py:134)."""
    return round(0.33 * similarity, 2)


def score(agent: Side, gold: Side) -> Parts:
    """Compare two sandboxes; `agent.hashes` and `gold.hashes` hold all common hashed paths."""
    common = hashed(agent.changes & gold.changes)
    same = sum(agent.hashes[path] == gold.hashes[path] for path, _ in common)
    return Parts(
        file_diff=file_diff(len(agent.changes ^ gold.changes)),
        file_changes=file_changes(same, len(common)),
        answer_similarity=answer_part(answer_similarity(agent.answer, gold.answer)),
    )
