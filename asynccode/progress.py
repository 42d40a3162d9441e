"""How a run is going, on standard error: drawn on a timer, never per event.

In a terminal: one bar, a table of stop reasons and outcomes, and the episodes that have run
longest. Elsewhere: a plain line every few seconds.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

import anyio

from asynccode.statistics import Statistics

if TYPE_CHECKING:
    from rich.console import RenderableType

DRAW_SECONDS = 0.25
LINE_SECONDS = 5.0
OLDEST = 4


@asynccontextmanager
async def progress(statistics: Statistics) -> AsyncIterator[None]:
    """Show progress while the block runs."""
    draw = _draw if sys.stderr.isatty() else _lines
    async with anyio.create_task_group() as group:
        group.start_soon(draw, statistics)
        try:
            yield
        finally:
            group.cancel_scope.cancel()


async def _lines(statistics: Statistics) -> None:
    while True:
        await anyio.sleep(LINE_SECONDS)
        print(line(statistics), file=sys.stderr, flush=True)  # noqa: T201 (this is its job)


async def _draw(statistics: Statistics) -> None:
    from rich.console import Console
    from rich.live import Live

    screen = Console(stderr=True)
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        while True:
            live.update(picture(statistics), refresh=True)
            await anyio.sleep(DRAW_SECONDS)


def line(statistics: Statistics) -> str:
    """Put the state of a run into one plain line."""
    done = statistics.finished
    rate = done.episodes / max(statistics.wall_seconds, 1e-9)
    text = (
        f"{done.episodes}/{statistics.total} episodes, {done.solved} solved,"
        f" {done.harness_errors} harness errors, {len(statistics.running)} running,"
        f" {rate:.1f} episodes/s"
    )
    oldest = next(iter(statistics.running.values()), None)
    if oldest is not None:
        age = perf_counter() - oldest.since
        text += f"; oldest {oldest.task_id} #{oldest.attempt} {age:.0f} s"
    return text


def picture(statistics: Statistics) -> RenderableType:
    """Draw the state of a run."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    done = statistics.finished
    seconds = max(statistics.wall_seconds, 1e-9)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(statistics.total, 1), completed=done.episodes, width=30),
        f"{done.episodes}/{statistics.total}",
        f"{done.solved} solved",
        f"{done.episodes / seconds:.1f} episodes/s",
        f"{statistics.steps / seconds:.0f} steps/s",
        f"{seconds:.0f} s",
    )
    counts = Table.grid(padding=(0, 2))
    for name, tally in (("ended", done.stop_reasons), ("steps", done.outcomes)):
        words = "  ".join(f"{key} {count}" for key, count in tally.most_common())
        counts.add_row(Text(name, style="dim"), Text(words or "-"))
    now = perf_counter()
    oldest = "  ".join(
        f"{r.task_id} #{r.attempt} {now - r.since:.0f} s, turn {len(r.steps) + 1}"
        for r in islice(statistics.running.values(), OLDEST)
    )
    running = Text(f"{len(statistics.running)}: {oldest}" if oldest else "-")
    counts.add_row(Text("running", style="dim"), running)
    return Group(bar, counts)
