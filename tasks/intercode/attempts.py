"""The original's result files as batches for tables (`asynccode.results`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asynccode.results.attempts import Attempt, Batch, error_share, labels_of
from asynccode.results.folder import whole
from asynccode.tasks.intercode.recorded import RecordedEpisode, Recording
from asynccode.tasks.intercode.recordings import read_recording


def read(path: Path) -> Batch:
    """Read a recorded InterCode result file. Raises `TaskDataError`."""
    return batch_of(read_recording(path))


def batch_of(recording: Recording) -> Batch:
    """Give a recording's episodes as attempts, counted as the original counted them."""
    suite = recording.suite or "?"
    return Batch(
        source=recording.source,
        suite=suite,
        model=recording.model or Path(recording.source).stem,
        strategy=recording.strategy,
        schema=recording.schema,
        foreign=True,
        settings={"max_turns": recording.max_turns},
        attempts=[_attempt(episode, suite) for episode in recording.episodes],
    )


def _attempt(episode: RecordedEpisode, suite: str) -> Attempt:
    first = episode.turns[0].reward if episode.turns and episode.scored_every_turn else None
    return Attempt(
        task_id=episode.task_id,
        solved=episode.reward is not None and episode.reward >= 1,
        first_solved=None if first is None else first >= 1,
        reward=episode.reward,
        turns=episode.turns_taken,
        error_share=error_share([turn.valid for turn in episode.turns]),
        labels=labels_of({"hardness": episode.hardness}, suite),
    )


def episodes(path: Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Give a result file as a manifest and lines of `episodes.jsonl`. Raises `TaskDataError`."""
    recording = read_recording(path)
    suite = recording.suite or "?"
    manifest = {
        "suite": suite,
        "policy": recording.model or path.stem,
        "strategy": recording.strategy,
        "hint": recording.schema,
        "max_turns": recording.max_turns,
        "source": path.name,
    }
    return manifest, (_line(episode, suite) for episode in recording.episodes)


def _line(episode: RecordedEpisode, suite: str) -> dict[str, Any]:
    return whole(
        {
            "task_id": episode.task_id,
            "suite": suite,
            "query": episode.query or "",
            "reward": episode.reward,
            "labels": labels_of({"hardness": episode.hardness}, suite),
            "turns_taken": episode.turns_taken,
            "scored_every_turn": episode.scored_every_turn,
            "steps": [
                {
                    "action": turn.action,
                    "observation": turn.observation,
                    "reward": turn.reward,
                    "valid": turn.valid,
                    "thought": turn.thought,
                }
                for turn in episode.turns
            ],
        }
    )
