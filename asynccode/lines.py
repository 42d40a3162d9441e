"""JSON that is always valid: no NaN, no lone surrogates, nothing that JSON has no word for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from attrs import asdict

from asynccode.records import Episode, StopReason


def episode_record(episode: Episode) -> dict[str, Any]:
    """Give an episode as the mapping that a line of `episodes.jsonl` holds."""
    return asdict(episode)


def check_record(record: Any) -> None:
    """Check what a line holds. Raises `ValueError` that says why it is no episode's."""
    if not isinstance(record, Mapping):
        raise ValueError("it is no object")  # noqa: TRY004 (a damaged file, not a bug)
    for name in ("task_id", "attempt", "stop_reason", "reward", "steps"):
        if name not in record:
            raise ValueError(f"it has no {name}")
    steps = record["steps"]
    for name, holds in (
        ("task_id", isinstance(record["task_id"], str)),
        ("attempt", type(record["attempt"]) is int and record["attempt"] >= 0),
        ("stop_reason", record["stop_reason"] in [reason.value for reason in StopReason]),
        ("reward", record["reward"] is None or _is_finite(record["reward"])),
        ("steps", isinstance(steps, list) and all(map(_is_step, steps))),
        *((name, type(record.get(name, 0)) is int) for name in ("tokens_in", "tokens_out")),
    ):
        if not holds:
            raise ValueError(f"its {name} cannot be {json.dumps(record[name])[:100]}")


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_step(step: Any) -> bool:
    return isinstance(step, Mapping) and isinstance(step.get("action"), str)


def dump_line(record: Mapping[str, Any]) -> bytes:
    """Give one line of ASCII, its newline included."""
    try:
        text = json.dumps(record, allow_nan=False, default=_plain)
    except (ValueError, TypeError):  # TypeError: keys that are no strings
        text = json.dumps(clean(record), allow_nan=False)
    if "\\ud" in text:  # a surrogate, perhaps half of a pair: U+FFFD in place of lone ones
        text = json.dumps(clean(record), allow_nan=False)
    return text.encode("ascii") + b"\n"


def clean(value: Any) -> Any:
    """Give `value` in what JSON knows: NaN and infinities as null, lone surrogates as U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(clean(str(key))): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    return clean(_plain(value))


def _plain(value: object) -> object:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    return str(value)
