"""The records: one measure, and what one scenario found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from attrs import asdict, field, fields, frozen


@frozen(kw_only=True)
class Measure:
    """One figure of ours, perhaps beside a limit, perhaps held to a target."""

    name: str
    value: float
    unit: str = "ms"
    limit: float | None = None
    """What the kernel asks for the same, in the same run and unit."""
    target: float | None = None
    """The bound on the ratio to the limit where there is one, else on the value."""
    better: Literal["lower", "higher"] = "lower"

    @property
    def ratio(self) -> float | None:
        """How many times the limit we take."""
        return self.value / self.limit if self.limit else None

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without one."""
        if self.target is None:
            return None
        figure = self.value if self.ratio is None else self.ratio
        return figure <= self.target if self.better == "lower" else figure >= self.target


@frozen(kw_only=True)
class Result:
    """What one scenario found."""

    scenario: str
    measures: Sequence[Measure] = field(default=(), converter=tuple[Measure, ...])
    settings: Mapping[str, Any] = field(factory=dict)
    """How much was measured, and on what."""
    raw: Mapping[str, Any] = field(factory=dict)
    """The figures that the measures were made of."""
    skipped: str | None = None
    """Why it was not measured, and what would mend that."""
    error: str | None = None
    """What broke; the other scenarios go on."""

    @property
    def ok(self) -> bool:
        """Whether nothing broke and no target was missed."""
        return self.error is None and all(m.reached is not False for m in self.measures)

    def record(self) -> dict[str, Any]:
        """Give it for JSON, with what can be derived spelt out."""
        record = asdict(self)
        record["measures"] = [
            {**asdict(m), "ratio": m.ratio, "reached": m.reached} for m in self.measures
        ]
        return record

    @classmethod
    def load(cls, record: Mapping[str, Any]) -> Result:
        """Read what `record` gave."""
        known = {f.name for f in fields(cls)} - {"measures"}
        names = {f.name for f in fields(Measure)}
        measures = [
            Measure(**{key: value for key, value in m.items() if key in names})
            for m in record.get("measures", ())
        ]
        rest = {key: value for key, value in record.items() if key in known}
        return cls(measures=measures, **rest)


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that `share` (0..1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Give the best, the median, p90 and p99 of some times."""
    return {
        "best": min(values),
        "median": median(values),
        "p90": percentile(values, 0.9),
        "p99": percentile(values, 0.99),
        "count": len(values),
    }


def waits(wakeups: Sequence[float], interval: float) -> list[float]:
    """Give how long an event of each `interval` had to wait for the loop, in seconds.

    `wakeups` are the moments at which a task that sleeps `interval` again and again ran. While
    the loop is busy that task does not run, but events would have come: each of those counts
    too, or the worst moments would count least.
    """
    found: list[float] = []
    for before, now in pairwise(wakeups):
        late = now - before - interval
        found.append(max(0.0, late))
        while (late := late - interval) > 0:
            found.append(late)
    return found
