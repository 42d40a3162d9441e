"""MySQL's functions over many rows for an engine that calls Python."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any

from asynccode.mysql.likes import collate, folded
from asynccode.mysql.numbers import number, text

MOST = 1024
"""`group_concat_max_len`, in bytes."""


class GroupConcat:
    """GROUP_CONCAT: value, separator, whether distinct, then keys with their directions."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, tuple[Any, ...]]] = []
        self._separator, self._distinct = ",", 0

    def step(self, value: Any, separator: str, distinct: int, *keys: Any) -> None:
        """Take one row."""
        if value is not None:
            self._rows.append((text(value), keys))
            self._separator, self._distinct = separator, distinct

    def finalize(self) -> str | None:
        """Give all values as one text."""
        if not self._rows:
            return None
        self._rows.sort(key=cmp_to_key(_by_keys))
        values = [value for value, _ in self._rows]
        if self._distinct:
            values = list({folded(value): value for value in reversed(values)}.values())[::-1]
        joined = self._separator.join(values).encode()[:MOST]
        return joined.decode("utf-8", "ignore")


def _by_keys(one: tuple[str, tuple[Any, ...]], other: tuple[str, tuple[Any, ...]]) -> int:
    for place in range(0, len(one[1]), 2):
        left, right, down = one[1][place], other[1][place], one[1][place + 1]
        if left is None or right is None:
            found = (left is not None) - (right is not None)
        elif isinstance(left, str) and isinstance(right, str):
            found = collate(left, right)
        else:
            found = (left > right) - (left < right)
        if found:
            return -found if down else found
    return 0


class Spread:
    """STDDEV and VARIANCE, of all or of a sample."""

    sample = False
    root = True

    def __init__(self) -> None:
        self._values: list[float] = []

    def step(self, value: Any) -> None:
        """Take one row."""
        if value is not None:
            self._values.append(float(number(value)))

    def finalize(self) -> float | None:
        """Give the spread; NULL if there are too few values."""
        count = len(self._values) - self.sample
        if count < 1:
            return None
        mean = math.fsum(self._values) / len(self._values)
        variance = math.fsum((value - mean) ** 2 for value in self._values) / count
        return math.sqrt(variance) if self.root else variance


class SampleSpread(Spread):
    """STDDEV_SAMP."""

    sample = True


class Variance(Spread):
    """VARIANCE."""

    root = False


class SampleVariance(SampleSpread):
    """VAR_SAMP."""

    root = False


class Bits:
    """BIT_OR; the other two override how values are put together."""

    start = 0

    def __init__(self) -> None:
        self._value = self.start

    def step(self, value: Any) -> None:
        """Take one row."""
        if value is not None:
            self._value = self.put(self._value, int(number(value)))

    @staticmethod
    def put(one: int, other: int) -> int:
        """Put two values together."""
        return one | other

    def finalize(self) -> int:
        """Give the bits as a number that fits 64 of them, with a sign."""
        return self._value - (1 << 64) if self._value >= 1 << 63 else self._value


class BitAnd(Bits):
    """BIT_AND."""

    start = (1 << 64) - 1

    @staticmethod
    def put(one: int, other: int) -> int:
        """Put two values together."""
        return one & other


class BitXor(Bits):
    """BIT_XOR."""

    @staticmethod
    def put(one: int, other: int) -> int:
        """Put two values together."""
        return one ^ other


AGGREGATES: dict[str, type[Any]] = {
    "group_concat": GroupConcat,
    **dict.fromkeys(("std", "stddev", "stddev_pop"), Spread),
    "stddev_samp": SampleSpread,
    **dict.fromkeys(("variance", "var_pop"), Variance),
    "var_samp": SampleVariance,
    "bit_or": Bits,
    "bit_and": BitAnd,
    "bit_xor": BitXor,
}
"""By name."""
