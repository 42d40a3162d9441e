"""Two results of queries, compared: which rows are there, and in which order.

A score is in [0, 1] and is 1.0 only for rows that are the same:

    rows    the Jaccard index of the two multisets of rows
    order   where the query orders: (tau + 1) / 2 of the common rows' places, Kendall's tau-b

and their product is what the answer is worth. Numbers are the same within a tolerance, whatever
their type; a date is its ISO text. Columns may stand in any order unless told otherwise; their
names do not count.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, permutations
from typing import Any

from attrs import field, frozen

from asynccode.tasks.rewards.tau import tau_b

Row = tuple[Any, ...]
DIGITS = 12
"""Digits of a number that are compared at once; what differs there is looked at more closely."""
MOST_ORDERS = 120
"""Orders of columns that are tried."""
MOST_CLOSE = 2000
"""Rows on a side, left over from comparing at once, that are compared number by number."""


@frozen(kw_only=True)
class Matching:
    """How two results are held against each other."""

    tolerance: float = 1e-6
    """Relative difference up to which two numbers are the same."""
    any_column_order: bool = True
    ordered: bool = False
    """Whether the order of rows counts."""


@frozen(kw_only=True)
class Answer:
    """A result made comparable: once for gold, once for each agent."""

    rows: tuple[Row, ...] = field(repr=False)
    width: int


def answer_of(rows: Sequence[Sequence[Any]], width: int | None = None) -> Answer:
    """Make rows comparable; `width` is the number of columns where there are no rows."""
    found = tuple(tuple(map(plain, row)) for row in rows)
    return Answer(rows=found, width=len(found[0]) if found else width or 0)


def plain(value: Any) -> Any:
    """Give a value as it is compared: equal values are equal, whatever engine gave them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        number = float(value) if not isinstance(value, int) or abs(value) < 1 << 53 else value
        if isinstance(number, float) and math.isfinite(number) and not number.is_integer():
            return float(f"{number:.{DIGITS}g}")
        return number
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return str(value)


def compare(agent: Answer, gold: Answer, matching: Matching) -> Mapping[str, float]:
    """Give the parts that count, `rows` and perhaps `order`."""
    if agent.rows == gold.rows and agent.width == gold.width:
        return whole(gold, matching)
    best: dict[str, float] = {"rows": 0.0}
    for columns in _orders(agent, gold, matching):
        rows = agent.rows
        if columns is not None:
            rows = tuple(tuple(row[i] for i in columns) for row in rows)
        parts = _compare(rows, gold, matching)
        if math.prod(parts.values()) > math.prod(best.values()) or len(parts) > len(best):
            best = parts
        if math.prod(best.values()) == 1:
            break
    return best


def whole(gold: Answer, matching: Matching) -> dict[str, float]:
    """Give the parts of an answer that is gold's own."""
    return {"rows": 1.0, "order": 1.0} if _counts(gold, matching) else {"rows": 1.0}


def _counts(gold: Answer, matching: Matching) -> bool:
    """Whether the order of rows counts: of one row there is no order."""
    return matching.ordered and len(gold.rows) > 1


def _orders(agent: Answer, gold: Answer, matching: Matching) -> Iterator[Sequence[int] | None]:
    """Give orders of the agent's columns that are worth a try; the first is as they stand."""
    if agent.width != gold.width:
        return
    yield None
    if not matching.any_column_order or agent.width < 2 or agent.rows == gold.rows:
        return
    if len(agent.rows) == len(gold.rows):
        # Equal results have columns with equal values: few orders are left to try.
        have = [_profile(agent, i) for i in range(agent.width)]
        want = [_profile(gold, i) for i in range(gold.width)]
        if Counter(have) == Counter(want):
            yield from islice(_assignments(have, want), MOST_ORDERS)
            return
    yield from islice(permutations(range(agent.width)), 1, MOST_ORDERS)


def _profile(answer: Answer, column: int) -> int:
    return hash(frozenset(Counter(row[column] for row in answer.rows).items()))


def _assignments(have: Sequence[int], want: Sequence[int]) -> Iterator[Sequence[int]]:
    """Give the ways to fill each wanted column with one of those that look like it."""
    if not want:
        yield ()
        return
    for index, profile in enumerate(have):
        if profile == want[0]:
            rest = [value if i != index else None for i, value in enumerate(have)]
            for tail in _assignments(rest, want[1:]):  # type: ignore[arg-type]
                yield (index, *tail)


def _compare(rows: Sequence[Row], gold: Answer, matching: Matching) -> dict[str, float]:
    pairs = _pairs(rows, gold.rows, matching.tolerance)
    union = len(rows) + len(gold.rows) - len(pairs)
    parts = {"rows": len(pairs) / union if union else 1.0}
    if _counts(gold, matching):
        tau = tau_b([i for i, _ in pairs], [j for _, j in pairs])
        # Rounded: the roots in tau leave a last digit.
        parts["order"] = 1.0 if math.isnan(tau) else (round(tau, DIGITS) + 1) / 2
    return parts


def _pairs(rows: Sequence[Row], gold: Sequence[Row], tolerance: float) -> list[tuple[int, int]]:
    """Pair rows that are the same, each once; give their numbers."""
    places: defaultdict[Row, deque[int]] = defaultdict(deque)
    for number, row in enumerate(gold):
        places[row].append(number)
    pairs, left = [], []
    for number, row in enumerate(rows):
        if places.get(row):
            pairs.append((number, places[row].popleft()))
        else:
            left.append(number)
    free = [number for numbers in places.values() for number in numbers]
    if left and free and tolerance > 0 and max(len(left), len(free)) <= MOST_CLOSE:
        for number in left:
            for place in free:
                if _close(rows[number], gold[place], tolerance):
                    pairs.append((number, place))
                    free.remove(place)
                    break
    return pairs


def _close(one: Row, two: Row, tolerance: float) -> bool:
    return len(one) == len(two) and all(
        a == b
        or (
            isinstance(a, int | float)
            and isinstance(b, int | float)
            and math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-9)
        )
        for a, b in zip(one, two, strict=True)
    )
