"""Reads what the original recorded, and reference files.

The original's harnesses wrote three kinds of file (experiments/eval_*.py):

- Try Again (n-turn): `{index: episode}`, scored after every turn.
- Plan & Solve: `{"meta": ..., "logs": {index: episode}}`, scored after every turn.
- ReAct: `{index: episode}` with thoughts; actions as `execute[...]`, an action that is not
  of that form was not executed; scored once, at `submit`; observations cut at 350 characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from asynccode.errors import TaskDataError

CUT = 350
"""Where ReAct cut an observation, in characters (eval_react.py)."""
_EXECUTE = re.compile(r"execute\[(.*)\]", re.DOTALL)
_DATASET = re.compile(r"nl2bash_fs_([1-4])\.json")


@frozen(kw_only=True)
class RecordedTurn:
    """One turn as it was written down."""

    action: str
    """The action as logged."""
    code: str | None
    """What the environment was given; None if the action never reached it."""
    observation: str | None = None
    reward: float | None = None
    stable: bool = True
    """Whether the original gives the same reward each time (reference files only)."""


@frozen(kw_only=True)
class RecordedEpisode:
    """One episode as it was written down."""

    task_id: str
    query: str | None
    """What was asked; None in a reference file."""
    turns: tuple[RecordedTurn, ...] = field(converter=tuple[RecordedTurn, ...])
    scored_every_turn: bool = True
    cut: bool = False
    """Whether observations end after `CUT` characters."""


@frozen(kw_only=True)
class Recording:
    """One file of recorded episodes."""

    source: str
    suite: str | None
    """Name of the suite that it was recorded on, if the file says."""
    episodes: tuple[RecordedEpisode, ...] = field(converter=tuple[RecordedEpisode, ...])


def recorded_actions(path: Path) -> Mapping[str, Sequence[str]]:
    """Give the actions that each task's environment was given, by task id.

    Raises `TaskDataError` if `path` is not a recorded InterCode result.
    """
    return {
        episode.task_id: tuple(turn.code for turn in episode.turns if turn.code is not None)
        for episode in read_recording(path).episodes
    }


def read_recording(path: Path) -> Recording:
    """Read a recorded result file of any kind. Raises `TaskDataError`."""
    raw = _read(path)
    meta: Any = raw.get("meta") or {}
    logs = raw.get("logs", raw)
    try:
        pairs = logs.items() if isinstance(logs, dict) else enumerate(logs)
        episodes = tuple(_episode(str(key), log) for key, log in pairs)
        named = {str(log.get("dataset", "")) for log in _values(logs)} | {
            str(meta.get("data_path", ""))
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TaskDataError(f"{path} is not a recorded InterCode result: {error!r}.") from error
    if not episodes:
        raise TaskDataError(f"{path} holds no episodes.")
    suites = {f"intercode/nl2bash-{found[1]}" for name in named if (found := _DATASET.search(name))}
    return Recording(
        source=str(path), suite=suites.pop() if len(suites) == 1 else None, episodes=episodes
    )


def read_reference(path: Path) -> Mapping[str, RecordedEpisode]:
    """Read a reference file: what the original gave when it was run live (CONTRACT.md).

    Raises `TaskDataError`.
    """
    try:
        return {
            str(key): RecordedEpisode(
                task_id=str(key),
                query=None,
                turns=[
                    RecordedTurn(
                        action=action, code=action, observation=seen, reward=reward, stable=stable
                    )
                    for action, seen, reward, _executed, _parts, stable in rows
                ],
            )
            for key, rows in _read(path).items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise TaskDataError(f"{path} is not a reference file: {error}.") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TaskDataError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise TaskDataError(f"{path} is not JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise TaskDataError(f"{path} is not a recorded InterCode result: it holds no object.")
    return raw


def _values(logs: Any) -> Sequence[Any]:
    return list(logs.values()) if isinstance(logs, dict) else list(logs)


def _episode(key: str, log: Mapping[str, Any]) -> RecordedEpisode:
    """Read one episode; lists that differ in length give turns with a part missing."""
    history = log["turn_history"]
    react = "thoughts" in history
    actions = [str(action) for action in history["actions"]]
    seen, rewards = history.get("observations", []), history.get("rewards", [])
    turns = []
    for number, action in enumerate(actions):
        observation = str(seen[number]) if number < len(seen) else None
        turns.append(
            RecordedTurn(
                action=action,
                code=_code(action, observation, react=react),
                observation=observation,
                reward=rewards[number] if number < len(rewards) else None,
            )
        )
    return RecordedEpisode(
        task_id=str(log.get("task_id", key)),
        query=log.get("query"),
        turns=turns,
        scored_every_turn=not react,
        cut=react,
    )


def _code(action: str, observation: str | None, *, react: bool) -> str | None:
    """Give what the environment was given for a logged action."""
    if react:
        if action == "submit":
            return action
        found = _EXECUTE.search(action)
        return found[1] if found else None
    # A policy that failed is logged as an action without an observation
    # (eval_n_turn.py:114-119).
    return None if action == "blocked" and observation is None else action
