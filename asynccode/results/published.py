"""Figures that others printed, set beside what the episodes give."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from attrs import frozen

from asynccode import registry
from asynccode.results.experiments import ALL, Experiment, Figures

PERCENT = frozenset({"success", "first_success", "error", "solved"})
"""Measures that are printed in per cent."""


class Verdict(StrEnum):
    """What comes of holding a figure against a printed one."""

    SAME = "same"
    """To the printed digit."""
    PARTIAL = "partial"
    """Not the same, and not all the episodes are here that it was printed for."""
    DIFFERENT = "different"
    ABSENT = "absent"
    """None of its episodes are here."""


@frozen(kw_only=True)
class Published:
    """One printed figure."""

    measure: str
    """`success`, `first_success`, `turns`, `error`, or `solved` (of all `tasks`)."""
    value: float
    digits: int
    """Digits after the point, as printed."""
    tasks: int
    """Tasks that it was taken over."""
    label: str | None = None
    """What it is a split by; None for all."""
    group: str = ALL


@frozen(kw_only=True)
class Held:
    """A printed figure and ours."""

    printed: Published
    computed: float | None
    """In the printed unit."""
    tasks: int
    """Tasks that ours is taken over."""
    verdict: Verdict
    why: str | None = None
    """Where it is not the same."""


def held(experiment: Experiment) -> Iterator[Held]:
    """Hold an experiment on foreign results against what its authors printed."""
    if not experiment.first.foreign:
        return
    for printed in registry.resolve(registry.RESULTS["published"])(experiment.first):
        yield _hold(experiment, printed)


def _hold(experiment: Experiment, printed: Published) -> Held:
    here: Figures | None = experiment.total
    if printed.label is not None:
        here = experiment.groups.get(printed.label, {}).get(printed.group)
    value = None if here is None else _value(here, printed)
    if here is None or value is None:
        why = f"no episode of {printed.group!r} is in the files"
        return Held(printed=printed, computed=None, tasks=0, verdict=Verdict.ABSENT, why=why)
    verdict, why_not = Verdict.SAME, None
    if abs(value - printed.value) > 0.5 * 10**-printed.digits + 1e-9:
        verdict = Verdict.DIFFERENT
        if here.tasks < printed.tasks:
            verdict = Verdict.PARTIAL
            why_not = f"the files hold {here.tasks} of the {printed.tasks} tasks"
    return Held(printed=printed, computed=value, tasks=here.tasks, verdict=verdict, why=why_not)


def _value(here: Figures, printed: Published) -> float | None:
    if printed.measure == "solved":
        return 100 * here.solved / printed.tasks
    estimate: Any = getattr(here, printed.measure)
    if estimate is None:
        return None
    value: float = estimate.value
    return 100 * value if printed.measure in PERCENT else value
