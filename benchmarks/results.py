"""The files in results/, and the table that people read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, versions
from benchmarks.measures import Measure, Result

FOLDER = Path(__file__).parent / "results"


def document(results: Iterable[Result], when: datetime | None = None) -> dict[str, Any]:
    """Give results for JSON, with when, on what and with what they were taken."""
    return {
        "taken": (when or datetime.now(UTC)).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "results": [result.record() for result in results],
    }


def write(made: dict[str, Any], name: str, folder: Path = FOLDER) -> Path:
    """Keep a document as `YYYY-MM-DD-NAME.json`; another of the same day is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{made['taken'][:10]}-{name}.json"
    path.write_text(json.dumps(made, indent=1, allow_nan=False) + "\n")
    return path


def read(path: Path) -> tuple[dict[str, Any], list[Result]]:
    """Read a file: the document, and its results."""
    made = json.loads(path.read_text(encoding="utf-8"))
    return made, [Result.load(record) for record in made["results"]]


def newest(folder: Path = FOLDER) -> Path | None:
    """Give the file taken last, one with all scenarios before any with some."""
    files = list(folder.glob("*-all.json")) or list(folder.glob("*.json"))
    return max(files, key=lambda path: json.loads(path.read_text())["taken"], default=None)


def number(value: float) -> str:
    """Write a figure as briefly as its size allows."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def row(measure: Measure) -> list[str]:
    """Give a measure's row of the table, scenario left out."""
    sign = "at most" if measure.better == "lower" else "at least"
    unit = " x" if measure.limit else f" {measure.unit}"
    return [
        measure.name,
        f"{number(measure.value)} {measure.unit}",
        "" if measure.limit is None else f"{number(measure.limit)} {measure.unit}",
        "" if measure.ratio is None else f"{measure.ratio:.2f} x",
        "" if measure.target is None else f"{sign} {number(measure.target)}{unit}",
        {None: "", True: "reached", False: "MISSED"}[measure.reached],
    ]


def table(results: Iterable[Result]) -> str:
    """Give all measures as a table of plain text."""
    rows: list[Sequence[str]] = [["scenario", "what", "ours", "limit", "ratio", "target", ""]]
    for result in results:
        name = result.scenario
        if result.error or result.skipped:
            what = f"failed: {result.error}" if result.error else f"skipped: {result.skipped}"
            rows.append([name, what])
        for measure in result.measures:
            rows.append([name, *row(measure)])
            name = ""
    whole = [cells for cells in rows if len(cells) > 2]
    widths = [max(len(cells[column]) for cells in whole) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)).rstrip()
        for cells in rows
    )
