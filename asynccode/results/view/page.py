"""Writes the page, an episode at a time."""

from __future__ import annotations

import gzip
import html
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from attrs import define, field

from asynccode.lines import clean
from asynccode.results.attempts import Attempt, Batch
from asynccode.results.experiments import experiments
from asynccode.results.report import figures
from asynccode.results.sources import attempt_of, who
from asynccode.results.writing import replacing

STYLES = ("colours.css", "layout.css", "episode.css")
SCRIPTS = ("store.js", "filters.js", "list.js", "plots.js", "figures.js", "steps.js", "main.js")
CHUNK_BYTES = 512 * 1024
"""Episodes are packed together until they are this long."""
MOST = 20_000
"""Characters of one text that are kept by default."""
QUERY = 160
"""Characters of a query that the list has."""
FIELDS = (
    *("task", "attempt", "solved", "reward", "turns", "stop", "seconds", "labels", "tokens"),
    *("solved_at", "chunk", "line"),
)


def write_page(
    manifest: Mapping[str, Any],
    episodes: Iterable[Mapping[str, Any]],
    output: Path,
    *,
    title: str,
    skipped: list[str],
    most: int = MOST,
) -> int:
    """Write the page and give the number of episodes in it.

    Texts longer than `most` characters keep their beginning and end. `skipped` is read after
    the last episode was taken.
    """
    style = "".join(map(_asset, STYLES))
    script = f'"use strict";\n(() => {{\n{"".join(map(_asset, SCRIPTS))}}})();\n'
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}';"
        " base-uri 'none'; form-action 'none'"
    )
    page = _asset("page.html").replace("{{policy}}", policy).replace("{{style}}", style)
    before, after = page.replace("{{title}}", html.escape(visible(title))).split("{{data}}")
    with replacing(output) as file:
        file.write(before.encode())
        packer = _Packer(file=file, suite=str(manifest.get("suite") or "?"), most=most)
        for episode in episodes:
            packer.add(episode)
        packer.flush()
        _pack(file, "index", _json(packer.index(manifest, skipped)))
        file.write(after.replace("{{script}}", script).encode())
    return len(packer.rows)


def visible(title: str) -> str:
    """Give a title in one line that can be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())


@define
class _Packer:
    """Packs episodes into chunks and remembers where each one is."""

    file: BinaryIO
    suite: str
    most: int
    rows: list[list[Any]] = field(factory=list)
    attempts: list[Attempt] = field(factory=list)
    _chunk: list[str] = field(factory=list)
    _size: int = 0
    _chunks: int = 0
    _tasks: dict[tuple[str, str], int] = field(factory=dict)
    _stops: dict[str | None, int] = field(factory=dict)
    _labels: dict[tuple[tuple[str, str], ...], int] = field(factory=dict)

    def add(self, episode: Mapping[str, Any]) -> None:
        attempt = attempt_of(episode)
        episode = without_tokens(episode)
        text = _json(episode)
        if len(text) > self.most:  # else no text in it is longer
            text = _json(shortened(episode, self.most))
        tokens = (attempt.tokens_in or 0) + (attempt.tokens_out or 0)
        query = str(episode["query"])[:QUERY]
        self.rows.append(
            [
                self._tasks.setdefault((attempt.task_id, query), len(self._tasks)),
                attempt.attempt,
                int(attempt.solved),
                attempt.reward,
                attempt.turns,
                self._stops.setdefault(attempt.stop_reason, len(self._stops)),
                None if attempt.seconds is None else round(attempt.seconds, 4),
                self._labels.setdefault(tuple(attempt.labels.items()), len(self._labels)),
                tokens,
                _solved_at(episode["steps"], attempt.turns),
                self._chunks,
                len(self._chunk),
            ]
        )
        self.attempts.append(attempt)
        self._chunk.append(text)
        self._size += len(text)
        if self._size >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._chunk:
            _pack(self.file, f"chunk-{self._chunks}", "\n".join(self._chunk))
            self._chunk, self._size = [], 0
            self._chunks += 1

    def index(self, manifest: Mapping[str, Any], skipped: list[str]) -> dict[str, Any]:
        model, strategy = who(manifest)
        batch = Batch(source="", suite=self.suite, model=model, attempts=self.attempts)
        made = next(iter(experiments([batch])), None)
        words = [self.suite, model, strategy, manifest.get("backend"), manifest.get("created")]
        return {
            "about": " · ".join(str(word) for word in words if word),
            "fields": FIELDS,
            "rows": self.rows,
            "tasks": list(self._tasks),
            "stops": list(self._stops),
            "labels": [dict(labels) for labels in self._labels],
            "figures": NOTHING if made is None else figures(made.total),
            "groups": {}
            if made is None
            else {
                label: {name: figures(group) for name, group in groups.items()}
                for label, groups in made.groups.items()
            },
            "manifest": dict(manifest),
            "skipped": skipped,
        }


NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("success_rate", "first_turn", "turns", "error", "reward", "tokens_in")),
    **dict.fromkeys(("episodes", "judged", "harness_errors", "tasks", "solved"), 0),
    "pass_at": {},
    "stop_reasons": {},
}
"""The figures of no episodes."""


TOKENS = frozenset({"prefix_ids", "token_ids", "logprobs"})
"""What is kept of calls to a model for training: nothing to look at."""


def without_tokens(episode: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out token ids and log-probabilities."""
    steps = [
        {
            **step,
            "calls": [
                {name: value for name, value in call.items() if name not in TOKENS}
                for call in step["calls"]
            ],
        }
        if step.get("calls")
        else step
        for step in episode["steps"]
    ]
    return {**episode, "steps": steps}


def shortened(value: Any, most: int) -> Any:
    """Cut long texts, wherever they are, in the middle; say how much is gone."""
    if isinstance(value, str) and len(value) > most:
        gone = len(value) - most
        half = most // 2
        return f"{value[:half]}\n[... {gone} characters left out here ...]\n{value[-half:]}"
    if isinstance(value, Mapping):
        return {key: shortened(item, most) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item, most) for item in value]
    return value


def _solved_at(steps: Sequence[Mapping[str, Any]], turns: int) -> int:
    """Give the turn that was the first to be paid in full; the last where none was alone."""
    paid = (n for n, step in enumerate(steps, 1) if (step["reward"] or 0) >= 1)
    return next(paid, turns)


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (ValueError, TypeError):  # not a number, a lone surrogate, a key that is no text
        text = json.dumps(clean(value), ensure_ascii=False, allow_nan=False)
    return text


def _pack(file: BinaryIO, name: str, text: str) -> None:
    packed = b64encode(gzip.compress(text.encode("utf-8"), 6, mtime=0))
    file.write(f'<script type="application/octet-stream" id="{name}">'.encode())
    file.write(packed)
    file.write(b"</script>\n")


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
