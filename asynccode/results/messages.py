"""Exports conversations: one line of chat messages an episode, as fine-tuning takes them.

Where the model's own calls are in the record, the messages are those, to the letter. Where
they are not (a policy without a model, a file of the original), they are put together: the
query is said by the user, actions by the assistant, observations by the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from asynccode.lines import dump_line
from asynccode.records import UNJUDGED
from asynccode.results.folder import Note
from asynccode.results.writing import replacing

FILE = "messages.jsonl"
KEPT = ("task_id", "attempt", "suite", "reward", "solved", "stop_reason")
"""What is given of an episode beside its messages."""


def write(
    manifest: Mapping[str, Any], episodes: Iterable[Mapping[str, Any]], output: Path, note: Note
) -> list[Path]:
    """Write `output`, or `messages.jsonl` in it if it is a folder."""
    path = output / FILE if output.is_dir() else output
    policy = manifest.get("policy")
    with replacing(path) as file:
        for episode in episodes:
            if episode["stop_reason"] in UNJUDGED:
                note(f"task {episode['task_id']!r}: {episode['stop_reason']}, no conversation.")
                continue
            line = {"messages": messages_of(episode), "policy": policy}
            file.write(dump_line({**line, **{name: episode[name] for name in KEPT}}))
    return [path]


def messages_of(episode: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the conversation of an episode."""
    calls = [call for step in episode["steps"] for call in step.get("calls") or ()]
    if calls:
        return [
            dict(message)
            for call in calls
            for message in (*call.get("messages", ()), call.get("reply"))
            if message
        ]
    made = [{"role": "user", "content": str(episode["query"])}]
    for step in episode["steps"]:
        thought = step.get("thought")
        action = f"{thought}\n\n{step['action']}" if thought else step["action"]
        seen = step.get("shown")
        seen = step["observation"] if seen is None else seen
        made.append({"role": "assistant", "content": action})
        made.append({"role": "user", "content": seen or ""})
    if len(made) > 1:
        made.pop()  # what was seen last was answered by nobody
    return made
