"""Draw results as SVG: how we stand to our targets, and episodes per second of each backend.

    python -m benchmarks.plot [FILE]      the newest file in results/ unless one is named

Writes targets.svg and backends.svg beside it, small enough to read in a diff.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks import results
from benchmarks.measures import Measure, Result

WIDTH, ROW, LEFT, RIGHT, TOP = 920, 34, 395, 245, 62
THICK, INDENT = f'height="{ROW - 16}" rx="3"', LEFT - 12
DRAWN = ("ms", "us", "s", "MiB", "per second")
"""Units of figures worth a bar; a count that must be zero is only right or wrong."""
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 } .small { font-size: 11px; fill: #6e7781 }
.label { text-anchor: end }
.good { fill: #2da44e } .bad { fill: #cf5a3c } .plain { fill: #3b82c4 }
.axis { stroke: #8c959f; stroke-opacity: .35 } .target { stroke: #24292f; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .target { stroke: #e6edf3 }
}
"""


@frozen
class Bar:
    """One row of a chart."""

    label: str
    note: str
    """What stands at its right end."""
    share: float
    """Its length as a share (0..1) of the chart's width."""
    kind: str = "plain"
    sub: str = ""
    """What stands below the label."""


def burden(measure: Measure) -> float | None:
    """Give how much of what its target allows a measure uses: 1 is just reached."""
    if not measure.target or measure.unit not in DRAWN:
        return None
    figure = measure.value if measure.ratio is None else measure.ratio
    if figure <= 0:
        return None
    return figure / measure.target if measure.better == "lower" else measure.target / figure


def picture(
    title: str,
    caption: str,
    bars: Sequence[Bar],
    ticks: Sequence[tuple[float, str]],
    target: float | None = None,
) -> str:
    """Draw a chart of horizontal bars; ticks and target are shares of its width."""
    span = WIDTH - LEFT - RIGHT
    height = TOP + ROW * len(bars) + 34
    bottom = height - 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text x="16" y="24" class="title">{escape(title)}</text>',
        f'<text x="16" y="42" class="small">{escape(caption)}</text>',
    ]
    for share, text in ticks:
        x = LEFT + share * span
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>')
        parts.append(
            f'<text class="small" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{text}</text>'
        )
    for number, bar in enumerate(bars):
        y = TOP + ROW * number
        middle = y + ROW / 2
        width = max(2.0, min(1.0, bar.share) * span)  # never out of the picture
        lift = 2 if bar.sub else -4
        parts += [
            f'<text class="label" x="{INDENT}" y="{middle - lift}">{escape(bar.label)}</text>',
            f'<rect class="{bar.kind}" x="{LEFT}" y="{y + 8}" width="{width:.0f}" {THICK}/>',
            f'<text x="{WIDTH - RIGHT + 14}" y="{middle + 4:.1f}">{escape(bar.note)}</text>',
        ]
        if bar.sub:
            sub = escape(bar.sub)
            parts.append(f'<text class="small label" x="{INDENT}" y="{middle + 11}">{sub}</text>')
    if target is not None:
        x = LEFT + target * span
        parts.append(
            f'<line class="target" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def targets(found: Sequence[Result], caption: str) -> str:
    """Draw how much of each target is used, on a logarithmic scale."""
    bars = []
    for result in found:
        for measure in result.measures:
            used = burden(measure)
            if used is None:
                continue
            _, ours, _, ratio, bound, _ = results.row(measure)
            bars.append(
                Bar(
                    label=f"{result.scenario.replace('_', ' ')}: {ours}",
                    sub=measure.name,
                    note=f"{ratio}, {bound}" if ratio else bound,
                    share=(log10(used) + 1) / 2,
                    kind="good" if measure.reached else "bad",
                )
            )
    ticks = [((log10(x) + 1) / 2, f"{x:g} x") for x in (0.1, 0.3, 1.0, 3.0, 10.0)]
    title = "Figures as multiples of what their targets allow"
    return picture(title, caption, bars, ticks, target=0.5)


def backends(found: Sequence[Result], caption: str) -> str:
    """Draw the episodes per second of each backend, on a logarithmic scale."""
    rates: dict[str, float] = {}
    for result in found:
        for measure in result.measures:
            if result.scenario == "backends" and measure.name.endswith(": episodes"):
                rates[f"{measure.name.partition(':')[0]}, Bash"] = measure.value
            if result.scenario == "original" and measure.name.endswith(": episodes"):
                who = measure.name.removesuffix(": episodes").replace("original", "the original")
                rates[f"{who}, nl2bash"] = measure.value
            if result.scenario == "sql_rollout" and measure.name.startswith("episodes on "):
                rates[f"{measure.name.removeprefix('episodes on ')}, SQL"] = measure.value
    first = floor(log10(min(1.0, *(rate for rate in rates.values() if rate > 0))))
    decades = ceil(log10(max(10.0, *rates.values()))) - first
    bars = [
        Bar(
            label=name,
            note=f"{results.number(rate)} episodes/s",
            share=(log10(max(10.0**first, rate)) - first) / decades,
        )
        for name, rate in sorted(rates.items(), key=lambda item: -item[1])
    ]
    ticks = [(power / decades, f"{10.0 ** (power + first):,g}") for power in range(decades + 1)]
    title = "Episodes per second: golds of bash and of Spider, recordings of nl2bash"
    return picture(title, caption, bars, ticks)


def caption_of(made: dict[str, Any]) -> str:
    """Say when and on what results were taken."""
    on = made["machine"]
    cpu = on["cpu"].replace("(R)", "").replace("(TM)", "").partition("@")[0].strip()
    return f"{made['taken'][:10]}, {on['cores']} cores, {cpu}, Linux {on['kernel'].split('-')[0]}"


def main(words: Sequence[str]) -> int:
    """Draw; 1 if there is nothing to draw."""
    path = Path(words[0]) if words else results.newest()
    if path is None:
        print("There are no results yet: python -m benchmarks.run", file=sys.stderr)
        return 1
    made, found = results.read(path)
    caption = caption_of(made)
    drawn = {"targets.svg": targets(found, caption)}
    if any(result.scenario == "backends" and result.measures for result in found):
        drawn["backends.svg"] = backends(found, caption)
    for name, text in drawn.items():
        (path.parent / name).write_text(text)
        print(path.parent / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
