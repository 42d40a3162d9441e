"""Reads what the original recorded, and reference files.

The original's harnesses wrote these kinds of file (experiments/eval_*.py):

- n-turn, for Bash, SQL and Python: `{index: episode}`, scored after every turn. With one turn
  at most it is "Single Turn", with more "Try Again". What was no SQL was not executed.
- CTF: the same; only `submit FLAG` is scored. Older files have `cmd ` before each command.
- Plan & Solve: `{"meta": ..., "logs": {index: episode}}`, with the plan's steps; scored
  after every turn. What was no SQL keeps the reward of the turn before.
- ReAct: `{index: episode}` with thoughts; actions as `execute[...]`, an action that is not
  of that form was not executed; scored once, at `submit`; observations cut at 350 characters.
- a person's: `{index: {"query_idx", "trajectory", "reward", ...}}`, scored once, at the end,
  which is no turn of its own; rows of an observation are written without `[`, `, ` and `]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asynccode.errors import TaskDataError
from asynccode.tasks.intercode.recorded import (
    CUT,
    RecordedEpisode,
    RecordedTurn,
    Recording,
    model_of,
    suite_of,
)
from asynccode.tasks.intercode.sql.formulas import is_sql, with_formulas

__all__ = [
    "CUT",
    "RecordedEpisode",
    "RecordedTurn",
    "Recording",
    "read_recording",
    "read_reference",
    "recorded_actions",
]

_EXECUTE = re.compile(r"execute\[(.*)\]", re.DOTALL)
_NO_SQL = "No SQL code was found in your last response."


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
    try:
        meta: Mapping[str, Any] = raw.get("meta") or {}
        logs = raw.get("logs", raw)
        pairs = [
            (str(key), log)
            for key, log in (logs.items() if isinstance(logs, dict) else enumerate(logs))
        ]
        episodes = tuple(_episode(key, log) for key, log in pairs)
        suite = suite_of(
            [str(log.get("dataset", "")) for _, log in pairs] + [str(meta.get("data_path", ""))],
            {str(log.get("environment")) for _, log in pairs} | {f"ic_{meta.get('env')}"},
            path.name,
        )
        limits = [log.get("summary", {}).get("turns_max") for _, log in pairs]
        max_turns = max((int(limit) for limit in limits if limit is not None), default=None)
        recording = Recording(
            source=str(path),
            suite=suite,
            episodes=episodes,
            strategy=_strategy(meta, pairs[0][1], max_turns),
            model="human" if "trajectory" in pairs[0][1] else model_of(path),
            schema="_handicap" in path.stem,
            max_turns=max_turns,
        )
        return with_formulas(recording) if is_sql(suite) else recording
    except IndexError as error:
        raise TaskDataError(f"{path} holds no episodes.") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TaskDataError(f"{path} is not a recorded InterCode result: {error!r}.") from error


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
                        action=action,
                        code=action,
                        observation=seen,
                        reward=reward,
                        valid=executed,
                        stable=stable,
                    )
                    for action, seen, reward, executed, _parts, stable in rows
                ],
                formula=next((row[4].get("formula") for row in rows if row[4]), None),
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
    except (ValueError, RecursionError) as error:
        raise TaskDataError(f"{path} is not JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise TaskDataError(f"{path} is not a recorded InterCode result: it holds no object.")
    return raw


def _strategy(meta: Mapping[str, Any], first: Mapping[str, Any], max_turns: int | None) -> str:
    if "trajectory" in first:
        return "human"
    history = first["turn_history"]
    if "thoughts" in history:
        return "react"
    if meta or "steps" in history:
        refined = meta.get("refine") and meta.get("refine_turns")
        return f"plan-and-solve+refine-{meta['refine_turns']}" if refined else "plan-and-solve"
    return "single-turn" if max_turns == 1 else "try-again"


def _episode(key: str, log: Mapping[str, Any]) -> RecordedEpisode:
    """Read one episode; lists that differ in length give turns with a part missing."""
    if "trajectory" in log:
        return _human(key, log)
    history = log["turn_history"]
    react = "thoughts" in history
    actions = [str(action) for action in history["actions"]]
    seen = _padded(history.get("observations"), len(actions))
    rewards = [_number(value) for value in _padded(history.get("rewards"), len(actions))]
    # What we exported says whether turns were scored; 0 stands for no score, as in ReAct's.
    is_scored = bool(log.get("scored_every_turn", not react))
    if not is_scored and not react:
        rewards = [*([None] * (len(rewards) - 1)), *rewards[-1:]]
    valid = _padded(history.get("valid_action"), len(actions))
    thoughts = _padded(history.get("thoughts", history.get("steps")), len(actions))
    environment = str(log.get("environment", ""))
    turns = [
        RecordedTurn(
            action=action,
            code=_code(action, observation, environment, react=react),
            observation=observation,
            reward=reward,
            valid=ran if isinstance(ran, bool) else None,
            thought=thought,
        )
        for action, observation, reward, ran, thought in zip(
            actions, map(_text, seen), rewards, valid, map(_text, thoughts), strict=True
        )
    ]
    summary = log.get("summary", {})
    return RecordedEpisode(
        task_id=str(log.get("task_id", key)),
        query=log.get("query"),
        turns=turns,
        scored_every_turn=is_scored,
        cut=react,
        reward=_number(summary["max_reward"]) if "max_reward" in summary else _best(turns, react),
        turns_taken=int(summary.get("turns_taken", len(turns))),
        hardness=_text(log.get("hardness")),
    )


def _human(key: str, log: Mapping[str, Any]) -> RecordedEpisode:
    steps = log["trajectory"]
    reward = _number(log.get("reward"))
    turns = [
        RecordedTurn(
            action=str(step["action"]),
            code=str(step["action"]),
            observation=_text(step.get("observation")),
            reward=reward if number == len(steps) else None,
        )
        for number, step in enumerate(steps, 1)
    ]
    return RecordedEpisode(
        task_id=str(log.get("query_idx", key)),
        query=log.get("query"),
        turns=turns,
        scored_every_turn=False,
        reward=reward,
        turns_taken=len(turns),
        hardness=_text(log.get("hardness")),
    )


def _code(action: str, observation: str | None, environment: str, *, react: bool) -> str | None:
    """Give what the environment was given for a logged action."""
    if react:
        if action == "submit":
            return action
        found = _EXECUTE.search(action)
        if found is None:
            return None
        # utils.py:70-71 (sql_parser_react)
        return found[1].partition(";")[0] if environment == "ic_sql" else found[1]
    if observation is None:
        # A policy that failed is logged as an action without an observation
        # (eval_n_turn.py:114-119).
        return None if action == "blocked" else action
    if observation.startswith(_NO_SQL):
        return None
    return action.removeprefix("cmd ") if environment == "ic_ctf" else action


def _best(turns: Sequence[RecordedTurn], react: bool) -> float | None:
    rewards = [turn.reward for turn in turns if turn.reward is not None]
    return (rewards[-1] if react else max(rewards)) if rewards else None


def _padded(values: Any, length: int) -> list[Any]:
    found = list(values or ())[:length]
    return found + [None] * (length - len(found))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
