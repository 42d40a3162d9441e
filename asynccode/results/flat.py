"""A summary for programs: one row a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

COLUMNS = (
    *("suite", "model", "strategy", "schema", "backend", "compat", "seed", "source"),
    *("label", "group", "measure", "value", "low", "high", "n", "printed", "verdict"),
)
ESTIMATES = ("success_rate", "first_turn", "turns", "error", "reward")
COUNTS = ("episodes", "judged", "harness_errors", "tasks", "solved", "tokens_in", "tokens_out")
PRINTED = {"success": "success_rate", "first_success": "first_turn"}
"""Names of our measures by those of printed ones."""


def flat(made: Mapping[str, Any]) -> str:
    """Give the summary as CSV; rates are shares in 0..1, `printed` is as it was printed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for one in made["experiments"]:
        who = {
            **{name: one[name] for name in ("suite", "model", "strategy", "schema")},
            **{name: one[name] for name in ("backend", "compat")},
            "seed": one["settings"].get("seed"),
            "source": " ".join(Path(source).name for source in one["sources"]),
        }
        printed = {
            (row["group"], PRINTED.get(row["measure"], row["measure"])): row
            for row in one["published"]
        }
        for label, group, figures in _parts(one):
            for row in _rows(figures):
                beside = printed.pop((group, row["measure"]), None)
                if beside is not None:
                    row |= {"printed": beside["printed"], "verdict": beside["verdict"]}
                writer.writerow(_safe({**who, "label": label, "group": group, **row}))
        for (group, measure), beside in printed.items():
            row = {"measure": measure, "printed": beside["printed"], "verdict": beside["verdict"]}
            if measure == "solved":
                row |= {"value": beside["computed"] / 100, "n": beside["of"]}
            writer.writerow(_safe({**who, "label": beside["label"], "group": group, **row}))
    return out.getvalue()


def _parts(one: Mapping[str, Any]) -> Iterator[tuple[str | None, str, Mapping[str, Any]]]:
    for label, groups in one["groups"].items():
        for name, figures in groups.items():
            yield label, name, figures
    yield None, "all", one


def _rows(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for measure in ESTIMATES:
        if figures[measure] is not None:
            yield {"measure": measure, **figures[measure]}
    for k, value in figures["pass_at"].items():
        yield {"measure": f"pass@{k}", **value}
    for measure in COUNTS:
        if figures[measure] is not None:
            yield {"measure": measure, "value": figures[measure]}


def _safe(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a spreadsheet from running a name that somebody gave."""
    return {
        key: f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value
        for key, value in row.items()
    }
