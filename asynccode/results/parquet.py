"""Exports Parquet: a row an episode, its steps as a list of records (extra `parquet`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asynccode.errors import InputError
from asynccode.lines import clean
from asynccode.results.folder import Note
from asynccode.results.messages import messages_of
from asynccode.results.writing import replacing

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise InputError("Parquet needs pyarrow: pip install 'asynccode[parquet]'.") from error

FILE = "episodes.parquet"
GROUP_CHARACTERS = 4 * 1024 * 1024
"""A row group is written when its texts are this long: what is in memory at once."""

STEP = pa.struct(
    [
        pa.field("action", pa.string(), nullable=False),
        pa.field("observation", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("exit_code", pa.int64()),
        pa.field("reward", pa.float64()),
        pa.field("valid", pa.bool_()),
        pa.field("seconds", pa.float64()),
        pa.field("truncated", pa.bool_()),
        pa.field("thought", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("suite", pa.string()),
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("attempt", pa.int64(), nullable=False),
        pa.field("backend", pa.string()),
        pa.field("policy", pa.string()),
        pa.field("query", pa.string()),
        pa.field("steps", pa.list_(STEP), nullable=False),
        pa.field("reward", pa.float64()),
        pa.field("reward_parts", pa.string()),  # JSON: parts differ from suite to suite
        pa.field("solved", pa.bool_(), nullable=False),
        pa.field("stop_reason", pa.string()),
        pa.field("wall_seconds", pa.float64()),
        pa.field("tokens_in", pa.int64()),
        pa.field("tokens_out", pa.int64()),
        pa.field("error", pa.string()),
        pa.field("labels", pa.map_(pa.string(), pa.string())),
        pa.field("messages", pa.string()),  # JSON: content may be text or parts
    ]
)


def write(
    manifest: Mapping[str, Any], episodes: Iterable[Mapping[str, Any]], output: Path, note: Note
) -> list[Path]:
    """Write `output`, or `episodes.parquet` in it if it is a folder."""
    path = output / FILE if output.is_dir() else output
    kept = {"asynccode": json.dumps(clean(manifest))}
    with (
        replacing(path) as file,
        pq.ParquetWriter(file, SCHEMA.with_metadata(kept), compression="zstd") as writer,
    ):
        for rows in _groups(_row(episode, manifest) for episode in episodes):
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
    return [path]


def _row(episode: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = clean({name: episode.get(name) for name in SCHEMA.names})
    row["policy"] = manifest.get("policy")
    row["steps"] = [
        {one.name: clean(step.get(one.name)) for one in STEP} for step in episode["steps"]
    ]
    row["reward_parts"] = json.dumps(row["reward_parts"])
    row["labels"] = [(key, str(value)) for key, value in row["labels"].items()]
    row["messages"] = json.dumps(clean(messages_of(episode)))
    return row


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        texts = (text for step in row["steps"] for text in step.values() if isinstance(text, str))
        size += sum(map(len, texts)) + len(row["messages"]) + 1000
        if size >= GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
