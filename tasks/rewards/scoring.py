"""From what an agent did and what gold did to a reward in [0, 1].

There are two parts: `state` (see `asynccode.tasks.rewards.state`) and `answer` (the
task's comparer on the two last outputs). Which of them count depends on gold alone:

    gold changes files   gold prints    reward
    yes                  yes            mean of state and answer
    yes                  no             state
    no                   yes            answer * state
    no                   no             answer * state

"Prints" means that the last output is more than white space and the comparer is not
`none`; with `none` the answer never counts.

The mean rewards half the work, since the two parts are two things that were asked for.
Where nothing should change, an unchanged world is no achievement, so it must not earn
anything by itself: there state is a factor, which leaves the answer's score as it is for
a clean answer and takes it away for one that changed the world on the way (the Jaccard
index of nothing with something is 0).

A reward is rounded to four decimals and is 1.0 only if every part that counts is 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from asynccode.outcomes import Change
from asynccode.tasks.rewards.comparers import comparer
from asynccode.tasks.rewards.state import relevant, state_score

DIGITS = 4


@frozen(kw_only=True)
class Effect:
    """What somebody's actions came to."""

    changes: tuple[Change, ...] = ()
    """Every path that differs from the image, with hashes."""
    output: str = ""
    """The answer: what the last action printed, or what was submitted in its place."""


def score(
    agent: Effect,
    gold: Effect,
    *,
    compare: str = "normalised",
    workdir: str = "/",
    ignore: Iterable[str] = (),
) -> Mapping[str, float]:
    """Give the parts that count (`state`, perhaps `answer`) and the `reward`.

    `compare` names the comparer; `ignore` and `workdir` are as in `state.relevant`.
    Raises `InputError` if there is no such comparer.
    """
    ignore = tuple(ignore)
    theirs = relevant(gold.changes, workdir=workdir, ignore=ignore)
    ours = relevant(agent.changes, workdir=workdir, ignore=ignore)
    answer = comparer(compare)(agent.output, gold.output)
    parts = {"state": state_score(ours, theirs)}
    if compare != "none" and (gold.output.strip() or not theirs):
        parts["answer"] = answer
    reward = _product(parts) if not theirs else sum(parts.values()) / len(parts)
    return {**{name: _round(part) for name, part in parts.items()}, "reward": _round(reward)}


def _product(parts: Mapping[str, float]) -> float:
    return parts["state"] * parts.get("answer", 1.0)


def _round(number: float) -> float:
    """Round, but never up to a 1.0 that was not earned."""
    rounded = round(number, DIGITS)
    return rounded if rounded < 1 or number >= 1 else 1 - 10**-DIGITS
