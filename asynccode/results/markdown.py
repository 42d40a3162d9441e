"""A summary for people: tables in Markdown, which a terminal shows as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
HEADINGS = {"difficulty": "difficulty", "filesystem": "file system", "category": "category"}
MEASURES = {
    "first_success": "success after one turn, %",
    "success": "success, %",
    "turns": "turns",
    "error": "error, %",
    "solved": "solved of all tasks, %",
}

RATES = (("one", "first_turn"), ("all", "success_rate"))
"""Rates that are split into groups: after how many turns, and the figure's name."""


def markdown(made: Mapping[str, Any]) -> str:
    """Give the whole summary."""
    found = made["experiments"]
    parts = ["## Results", _overview(found), made["intervals"]]
    for label, heading in HEADINGS.items():
        for family in dict.fromkeys(one["family"] for one in found):
            rows = [one for one in found if one["family"] == family and label in one["groups"]]
            if any(one[measure] is not None for one in rows for _, measure in RATES):
                parts += [f"## {family}: success by {heading}, %", _groups(rows, label)]
    if any(one["pass_at"] for one in found):
        parts += ["## pass@k, %", _pass_at(found)]
    if made["published"]:
        parts += ["## Beside the printed figures", _published(made)]
    if made["skipped"]:
        parts += ["## Left out", "\n".join(f"- {plain(note)}" for note in made["skipped"])]
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table; columns without a single entry are left out."""
    found = [[plain(cell) for cell in row] for row in rows]
    kept = [n for n in range(len(columns)) if any(row[n] for row in found)]
    lines = [[columns[n] for n in kept], *([row[n] for n in kept] for row in found)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(kept))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def plain(text: str) -> str:
    """Keep a text in its cell: no line ends, bars or controls."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line.replace("|", "\\|")


def percent(made: Row | None, *, interval: bool = False) -> str:
    """Give a share in per cent, perhaps with its interval."""
    if made is None:
        return ""
    text = f"{100 * made['value']:.1f}"
    if interval and made["low"] is not None:
        text += f" [{100 * made['low']:.1f}, {100 * made['high']:.1f}]"
    return text


def number(made: Row | None, digits: int = 2) -> str:
    """Give a mean."""
    return "" if made is None else f"{made['value']:.{digits}f}"


def _who(one: Row) -> list[str]:
    suite = one["suite"] + (f" ({one['compat']} semantics)" if one["compat"] else "")
    strategy = " ".join(
        word for word in (one["strategy"], "with the schema" if one["schema"] else None) if word
    )
    return [suite, one["model"], strategy, one["backend"] or ""]


def _overview(found: Sequence[Row]) -> str:
    columns = (
        *("suite", "model", "strategy", "backend", "feedback", "seed", "episodes"),
        *(
            "harness errors",
            "played again",
            "cancelled",
            "policy errors",
            "success %",
            "after one turn %",
            "turns",
            "error %",
        ),
        *("reward", "tokens in", "tokens out", "from"),
    )
    return table(
        columns,
        (
            [
                *_who(one),
                str(one["settings"].get("feedback") or "").replace("hidden", ""),  # the default
                "" if one["settings"].get("seed") is None else str(one["settings"]["seed"]),
                str(one["episodes"]),
                _count(one["harness_errors"]),
                _count(one["played_again"]),
                _count(one["stop_reasons"].get("cancelled", 0)),
                _count(one["stop_reasons"].get("policy_error", 0)),
                percent(one["success_rate"], interval=True),
                percent(one["first_turn"]),
                number(one["turns"]),
                percent(one["error"]),
                number(one["reward"], 3),
                _count(one["tokens_in"] or 0),
                _count(one["tokens_out"] or 0),
                "InterCode" if one["foreign"] else Path(one["sources"][0]).name,
            ]
            for one in found
        ),
    )


def _count(value: int) -> str:
    return f"{value}" if value else ""


def _groups(found: Sequence[Row], label: str) -> str:
    groups = list(dict.fromkeys(name for one in found for name in one["groups"][label]))
    rows = []
    for one in found:
        for words, measure in RATES:
            if one[measure] is None:
                continue
            cells = [percent(one["groups"][label].get(g, {}).get(measure)) for g in groups]
            rows.append([*_who(one)[1:], words, *cells, percent(one[measure], interval=True)])
    return table(("model", "strategy", "backend", "turns", *groups, "all"), rows)


def _pass_at(found: Sequence[Row]) -> str:
    ks = sorted({int(k) for one in found for k in one["pass_at"]})
    rows = [
        [*_who(one), *(_passed(one["pass_at"].get(str(k)), one["tasks"]) for k in ks)]
        for one in found
        if one["pass_at"]
    ]
    return table(("suite", "model", "strategy", "backend", *(f"pass@{k}" for k in ks)), rows)


def _passed(made: Row | None, tasks: int) -> str:
    text = percent(made, interval=True)
    return f"{text} of {made['n']} tasks" if made is not None and made["n"] < tasks else text


def _published(made: Mapping[str, Any]) -> str:
    rows, notes = [], []
    for one in made["experiments"]:
        for measure, words in MEASURES.items():
            held = [row for row in one["published"] if row["measure"] == measure]
            if not held:
                continue
            cells = []
            for row in held:
                form: Callable[[float], str] = f"{{:.{row['digits']}f}}".format
                name = row["group"] + ": " if len(held) > 1 else ""
                cells.append(name + _cell(row, form))
                if row["verdict"] not in ("same", "absent"):
                    notes.append(_note(one, words, row, form))
            rows.append([*_who(one)[:3], words, "; ".join(cells)])
    counts = ", ".join(f"{count} {verdict}" for verdict, count in made["published"].items())
    text = table(("suite", "model", "strategy", "measure", "here (printed, if not the same)"), rows)
    return f"{counts}.\n\n{text}" + ("\n\n" + "\n".join(notes) if notes else "")


def _cell(row: Row, form: Callable[[float], str]) -> str:
    printed = form(row["printed"])
    if row["computed"] is None:
        return f"- ({printed})"
    return printed if row["verdict"] == "same" else f"{form(row['computed'])} ({printed})"


def _note(one: Row, words: str, row: Row, form: Callable[[float], str]) -> str:
    who = ", ".join(plain(word) for word in _who(one)[:3] if word)
    why = row["why"] or "the files hold all its tasks: the figure does not follow from them"
    return (
        f"- {who}: {words}, {row['group']}: {form(row['computed'])} here, "
        f"{form(row['printed'])} printed: {why}."
    )
