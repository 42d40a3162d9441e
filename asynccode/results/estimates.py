"""Rates with their intervals, and pass@k; pure functions of counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import comb, sqrt

from attrs import frozen

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution: intervals are of 95 %."""


@frozen(kw_only=True)
class Estimate:
    """A mean with its 95 % interval."""

    value: float
    low: float | None
    """None where there is too little to say."""
    high: float | None
    n: int
    """Episodes, or for pass@k tasks, that it is taken over."""


def wilson(successes: float, n: float) -> tuple[float, float]:
    """Give the Wilson score interval of a proportion (Wilson 1927), in 0..1.

    >>> [round(side, 3) for side in wilson(8, 10)]
    [0.49, 0.943]
    """
    share = successes / n
    centre = share + Z * Z / (2 * n)
    spread = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return (max(0.0, low) if successes else 0.0), (min(1.0, high) if successes < n else 1.0)


def success_rate(tasks: Iterable[Sequence[bool]]) -> Estimate | None:
    """Give the share of solved attempts, from the attempts of each task.

    With one attempt a task the interval is Wilson's over tasks. Attempts at one task are no
    independent draws: with several, n is replaced by the n of independent draws that would
    have the variance between tasks (the cluster-robust one), and is at most the attempts.
    None without any attempt.
    """
    groups = [group for group in tasks if group]
    n = sum(map(len, groups))
    if not n:
        return None
    share = sum(map(sum, groups)) / n
    low, high = wilson(share * n, n)
    if len(groups) < n:
        effective = _effective(groups, share, n)
        low, high = wilson(share * effective, effective)
    return Estimate(value=share, low=low, high=high, n=n)


def _effective(groups: Sequence[Sequence[bool]], share: float, n: int) -> float:
    if len(groups) < 2 or share in (0.0, 1.0):
        return float(len(groups))  # nothing shows how alike attempts are: tasks alone count
    residuals = sum((sum(group) - share * len(group)) ** 2 for group in groups)
    variance = residuals * len(groups) / (len(groups) - 1) / n**2
    return float(n) if variance <= 0 else min(float(n), share * (1 - share) / variance)


def mean(values: Iterable[float]) -> Estimate | None:
    """Give a mean with its normal interval; None without values."""
    found = list(values)
    n = len(found)
    if not n:
        return None
    middle = sum(found) / n
    if n == 1:
        return Estimate(value=middle, low=None, high=None, n=n)
    error = Z * sqrt(sum((value - middle) ** 2 for value in found) / (n - 1) / n)
    return Estimate(value=middle, low=middle - error, high=middle + error, n=n)


def pass_at(k: int, solved: int, attempts: int) -> float:
    """Give the chance that one of `k` attempts solves a task, of which `solved` did.

    The unbiased estimator 1 - C(n-c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374);
    `attempts` is at least `k`.

    >>> pass_at(2, 1, 4)
    0.5
    """
    return 1 - comb(attempts - solved, k) / comb(attempts, k)


def pass_at_k(tasks: Iterable[Sequence[bool]], k: int) -> Estimate | None:
    """Give pass@k over the tasks with at least `k` attempts.

    Its interval is normal over tasks; where all tasks agree, Wilson's.
    """
    made = mean(pass_at(k, sum(group), len(group)) for group in tasks if len(group) >= k)
    if made is None:
        return None
    if made.value in (0.0, 1.0) or made.low is None or made.high is None:
        low, high = wilson(made.value * made.n, made.n)
    else:
        low, high = max(0.0, made.low), min(1.0, made.high)
    return Estimate(value=made.value, low=low, high=high, n=made.n)
