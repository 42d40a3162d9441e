"""The reward of IC-SQL, from two lists of rows (sql_env.py:63-97).

Two formulas are in the published files (see `formulas.py`):

    iou       how many rows are shared, of all rows of either, duplicates counted
    iou_tau   the same times Kendall's tau-b of the shared rows in their two orders, rounded to
              two digits; without a tau (one shared row, or all equal) as it is

Rows compare as the texts that Python prints, so `(10,)` comes before `(9,)` for tau, and
`Decimal('2.0')` is not `2`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import asdict, frozen

from asynccode.tasks.rewards.tau import tau_b

FORMULAS = ("iou_tau", "iou")
"""Names of the formulas; the first is the one that was published as code."""


@frozen(kw_only=True)
class Parts:
    """A reward by both formulas."""

    iou: float
    iou_tau: float

    def as_dict(self) -> dict[str, float]:
        """Give both by name."""
        return asdict(self)

    def reward(self, formula: str) -> float:
        """Give the one that counts."""
        return self.iou if formula == "iou" else self.iou_tau


NOTHING = Parts(iou=0.0, iou_tau=0.0)
"""What an error, a statement without a result and an answer that never was are paid."""


def shared(texts: Sequence[str], common: Counter[str]) -> list[str]:
    """Give the rows of `texts` that are common, in their order, each as often as it is common."""
    left, found = Counter(common), []
    for text in texts:
        if left[text] > 0:
            left[text] -= 1
            found.append(text)
    return found


def score(agent: Sequence[Any] | None, gold: Sequence[Any]) -> Parts:
    """Score an agent's rows, or None for an answer that is none, against gold's.

    Gold that fails has no rows, so an agent's empty result earns 1 (sql_env.py:53-61).
    """
    if agent is None:
        return NOTHING
    if not agent and not gold:
        return Parts(iou=1.0, iou_tau=1.0)
    ours, theirs = [str(row) for row in agent], [str(row) for row in gold]
    one, other = Counter(ours), Counter(theirs)
    common = one & other
    iou = common.total() / (one | other).total()
    if not common:
        return NOTHING
    tau = tau_b(shared(ours, common), shared(theirs, common))
    return Parts(iou=iou, iou_tau=iou if math.isnan(tau) else round(tau * iou, 2))
