"""What commands print: one JSON object on standard output, all else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asynccode.interfaces import Technology
from asynccode.lines import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def emit_json(value: Mapping[str, Any]) -> None:
    """Print the one JSON object."""
    print(json.dumps(clean(value), indent=2, allow_nan=False), flush=True)


def say(text: str) -> None:
    """Tell a person something, on standard error."""
    print(text, file=sys.stderr, flush=True)


def console(*, error: bool = False) -> Console:
    """Give a rich console on standard output, or on standard error."""
    from rich.console import Console

    return Console(stderr=error, highlight=False)


def show(*parts: RenderableType) -> None:
    """Print something rich on standard output."""
    target = console()
    for part in parts:
        target.print(part)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Any:
    """Make a plain table; cells are text, whatever brackets they hold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


def shorten(text: str | None, most: int = 300) -> str:
    """Cut a text that would fill the screen."""
    if text is None:
        return ""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def mark(ok: bool | None) -> str:
    """Put a verdict into a word."""
    return {True: "ok", False: "FAILED", None: "skipped"}[ok]


def warn_of_isolation(backend: Technology | type[Technology]) -> None:
    """Say loudly what a backend does not hold apart."""
    missing = sorted({"files", "network", "processes"} - backend.isolates)
    if not missing:
        return
    target = console(error=True)
    target.print(
        f"[bold red]WARNING: the backend {backend.name!r} does not isolate"
        f" {', '.join(missing)}.[/] What tasks and agents run can reach yours:"
        " use it for code that you trust.",
        soft_wrap=True,
    )
