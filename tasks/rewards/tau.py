"""Kendall's tau-b in O(n log n)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any


def tau_b(one: Sequence[Any], two: Sequence[Any]) -> float:
    """Give Kendall's tau-b of paired values, in -1..1; NaN where it has no value.

    By counting the swaps that sorting takes (Knight, "A computer method for calculating
    Kendall's tau with ungrouped data", JASA 61, 1966); the same number as
    `scipy.stats.kendalltau`. It has no value for less than two pairs, or if all values of a
    side are equal. Values of a side are compared with each other by `<`.
    """
    if len(one) != len(two):
        raise ValueError(f"{len(one)} values are paired with {len(two)}.")
    pairs = sorted(zip(one, two, strict=True))
    total = len(pairs) * (len(pairs) - 1) // 2
    tied_one = _ties(Counter(one).values())
    tied_two = _ties(Counter(two).values())
    if total in (tied_one, tied_two):
        return math.nan
    tied_both = _ties(Counter(pairs).values())
    discordant = _swaps([value for _, value in pairs])
    concordant_less_discordant = total - tied_one - tied_two + tied_both - 2 * discordant
    # Two roots, one after the other, as scipy takes them: the last digit is the same.
    tau = concordant_less_discordant / math.sqrt(total - tied_one) / math.sqrt(total - tied_two)
    return min(1.0, max(-1.0, tau))


def _ties(counts: Any) -> int:
    return sum(count * (count - 1) // 2 for count in counts)


def _swaps(values: list[Any]) -> int:
    """Count the pairs that are in the wrong order, by merging."""
    swaps, width = 0, 1
    while width < len(values):
        merged: list[Any] = []
        for start in range(0, len(values), 2 * width):
            left = values[start : start + width]
            right = values[start + width : start + 2 * width]
            i = j = 0
            while i < len(left) and j < len(right):
                if right[j] < left[i]:
                    swaps += len(left) - i
                    merged.append(right[j])
                    j += 1
                else:
                    merged.append(left[i])
                    i += 1
            merged += left[i:]
            merged += right[j:]
        values, width = merged, 2 * width
    return swaps
