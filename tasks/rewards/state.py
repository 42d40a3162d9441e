"""The state score: whether what changed on disk is what should have changed.

Two sets of changes are compared: the agent's and gold's, each against the image both
started from. A change is a path together with what became of it (added, modified,
deleted, another type), its type, its permission bits and the hash of its content or, for
a link, of its target; folders count like files. The score is the Jaccard index

    changes in both / changes in either         (1 if neither changed anything)

so a change that is missing, one too many, or one with wrong content each costs.
Times do not count, and neither do owners.

Every path counts, inside the working folder and outside it, except those a solver may
use as scratch paper or leaves without meaning to (`SCRATCH`) and those that the task
names: `ignore` in its metadata, a list of glob patterns in which `*` also crosses `/`,
relative to the working folder unless they begin with `/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

from asynccode.outcomes import Change

_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 (in the sandbox, not here)
SCRATCH = (*_TEMPORARY, *(f"{folder}/*" for folder in _TEMPORARY), "*/.bash_history")
"""Patterns of paths that never count: temporary folders and the shell's history."""


def relevant(
    changes: Iterable[Change], *, workdir: str = "/", ignore: Iterable[str] = ()
) -> frozenset[Change]:
    """Give the changes that count."""
    ignored = _pattern(workdir, tuple(ignore))
    return frozenset(c for c in changes if not ignored.fullmatch(os.fsdecode(c.path)))


@lru_cache(maxsize=256)
def _pattern(workdir: str, ignore: tuple[str, ...]) -> re.Pattern[str]:
    """Give one expression for all patterns: an agent may leave very many paths behind."""
    patterns = [*SCRATCH, *(os.path.join(workdir, pattern) for pattern in ignore)]
    return re.compile("|".join(map(translate, patterns)))


def state_score(agent: frozenset[Change], gold: frozenset[Change]) -> float:
    """Give the share of changes that both made, of those that either made."""
    either = agent | gold
    return len(agent & gold) / len(either) if either else 1.0
