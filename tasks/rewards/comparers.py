"""Comparers of outputs: pure functions from two texts to a number in [0, 1].

    exact        the same text, byte for byte
    normalised   the same but for white space at line ends and newlines at the end (default)
    lines        the same lines in any order; part marks for some of them
    numeric      the same words, numbers nearly equal
    tfidf        how alike the words are, as the InterCode paper does it
    none         outputs do not count

Every comparer gives 1.0 for equal texts. A task names its comparer; add one to
`COMPARERS` to offer another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable

from asynccode.errors import InputError

Comparer = Callable[[str, str], float]

RELATIVE = 1e-6
"""How far apart two numbers may be for `numeric`, as a share of the larger."""
ABSOLUTE = 1e-9
"""How far apart two numbers may be for `numeric`, whatever their size."""

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]+")


def normalise(text: str) -> str:
    """Give `text` without white space at line ends and without newlines at its end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def exact(answer: str, gold: str) -> float:
    """Whether the texts are equal."""
    return float(answer == gold)


def normalised(answer: str, gold: str) -> float:
    """Whether the texts are equal once white space at line ends and the end is dropped."""
    return float(normalise(answer) == normalise(gold))


def lines(answer: str, gold: str) -> float:
    """How many lines are shared, of all lines of either, in any order (Jaccard on multisets).

    White space at line ends and empty lines do not count, how often a line occurs does.
    """
    ours, theirs = (
        Counter(line for line in normalise(text).split("\n") if line) for text in (answer, gold)
    )
    either = (ours | theirs).total()
    return (ours & theirs).total() / either if either else 1.0


def numeric(answer: str, gold: str) -> float:
    """Whether the words are the same, numbers compared by value.

    Two whole numbers must be equal, since they are counts or names; any other two may
    differ by `RELATIVE` or `ABSOLUTE`.
    """
    ours, theirs = answer.split(), gold.split()
    return float(len(ours) == len(theirs) and all(map(_same_token, ours, theirs)))


def _same_token(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    if _INTEGER.fullmatch(ours) and _INTEGER.fullmatch(theirs):
        return int(ours) == int(theirs)
    if _NUMBER.fullmatch(ours) and _NUMBER.fullmatch(theirs):
        return math.isclose(float(ours), float(theirs), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return False


def tfidf(answer: str, gold: str) -> float:
    """How alike the words of the texts are: the cosine that the InterCode paper uses."""
    from asynccode.tasks.intercode.similarity import tfidf_cosine  # only those who ask pay

    if answer == gold:
        return 1.0
    cosine = tfidf_cosine(answer, gold)
    # The same words in another order are 1 but for rounding; say so.
    return 1.0 if cosine > 1 - ABSOLUTE else max(0.0, cosine)


def none(answer: str, gold: str) -> float:  # a comparer takes two texts
    """Outputs do not count: always 1."""
    return 1.0


COMPARERS: dict[str, Comparer] = {
    function.__name__: function for function in (exact, normalised, lines, numeric, tfidf, none)
}
"""The comparers by name."""


def comparer(name: str) -> Comparer:
    """Give the comparer of that name, or raise an `InputError` that lists them all."""
    try:
        return COMPARERS[name]
    except KeyError:
        known = ", ".join(sorted(COMPARERS))
        raise InputError(f"There is no comparer {name!r}; choose one of {known}.") from None
