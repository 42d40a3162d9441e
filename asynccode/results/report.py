"""All tables of a summary, as data: what `asynccode summary --json` gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from asynccode.results.attempts import Batch
from asynccode.results.estimates import Estimate
from asynccode.results.experiments import Experiment, Figures, experiments
from asynccode.results.published import Held, held
from asynccode.results.sources import notes_of

INTERVALS = (
    "95 % intervals: of success Wilson's score interval over tasks (where a task has several "
    "attempts, with the n of independent attempts that has the variance between tasks); of "
    "means and pass@k the normal one (Wilson's where all tasks agree). pass@k is the unbiased "
    "1 - C(n-c,k)/C(n,k). Error is the mean over episodes of the share of actions that were not "
    "executed. Episodes that the harness or the policy broke, or that were cancelled, are in no "
    "rate."
)


def report(batches: Sequence[Batch], ks: Sequence[int] = ()) -> dict[str, Any]:
    """Count, hold against printed figures, and give everything as JSON has it.

    Rates are shares in 0..1; `published` is in the unit in which it was printed.
    """
    found = [_experiment(experiment) for experiment in experiments(batches, ks)]
    verdicts = Counter(row["verdict"] for made in found for row in made["published"])
    return {
        "experiments": found,
        "published": dict(verdicts),
        "skipped": notes_of(batches),
        "intervals": INTERVALS,
    }


def _experiment(experiment: Experiment) -> dict[str, Any]:
    first = experiment.first
    return {
        "suite": experiment.suite,
        "family": first.family,
        "model": first.model,
        "strategy": first.strategy,
        "schema": first.schema,
        "backend": first.backend,
        "compat": first.compat,
        "foreign": first.foreign,
        "sources": experiment.sources,
        "settings": dict(first.settings),
        "played_again": sum(batch.played_again for batch in experiment.batches),
        **figures(experiment.total),
        "groups": {
            label: {name: figures(group) for name, group in groups.items()}
            for label, groups in experiment.groups.items()
        },
        "published": [_held(one) for one in held(experiment)],
    }


def figures(made: Figures) -> dict[str, Any]:
    """Give figures as JSON has them."""
    return {
        "episodes": made.episodes,
        "judged": made.judged,
        "harness_errors": made.harness_errors,
        "tasks": made.tasks,
        "solved": made.solved,
        "success_rate": estimate(made.success),
        "first_turn": estimate(made.first_success),
        "turns": estimate(made.turns),
        "error": estimate(made.error),
        "reward": estimate(made.reward),
        "pass_at": {str(k): estimate(value) for k, value in made.pass_at.items()},
        "stop_reasons": dict(made.stop_reasons),
        "tokens_in": made.tokens_in,
        "tokens_out": made.tokens_out,
    }


def estimate(made: Estimate | None) -> dict[str, Any] | None:
    """Give an estimate as JSON has it."""
    if made is None:
        return None
    return {"value": made.value, "low": made.low, "high": made.high, "n": made.n}


def _held(one: Held) -> dict[str, Any]:
    return {
        "measure": one.printed.measure,
        "label": one.printed.label,
        "group": one.printed.group,
        "printed": one.printed.value,
        "digits": one.printed.digits,
        "computed": one.computed,
        "tasks": one.tasks,
        "of": one.printed.tasks,
        "verdict": str(one.verdict),
        "why": one.why,
    }
