"""A run and its repetition, compared turn by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from asynccode.records import StopReason

Key = tuple[str, int]
SHOWN = 10
"""Differences that are given in full."""


def compare(
    recorded: Mapping[Key, Mapping[str, Any]], replayed: Mapping[Key, Mapping[str, Any]]
) -> dict[str, Any]:
    """Give the figures of `replay --json` for two sets of episode lines.

    An episode that was not replayed, or broken by the harness, differs in all its turns.
    """
    turns = same_reward = same_observation = same_best = 0
    differences: list[dict[str, Any]] = []
    for key, was in recorded.items():
        now = replayed.get(key, {"steps": [], "reward": None})
        same_best += was["reward"] == now["reward"]
        for number, (before, after) in enumerate(zip_longest(was["steps"], now["steps"])):
            turns += 1
            reward, observation = (
                before is not None and after is not None and before.get(name) == after.get(name)
                for name in ("reward", "observation")
            )
            same_reward += reward
            same_observation += observation
            if not (reward and observation) and len(differences) < SHOWN:
                differences.append(_difference(key, number, before, after))
    return {
        "episodes": len(recorded),
        "turns": turns,
        "same_reward": _share(same_reward, turns),
        "same_observation": _share(same_observation, turns),
        "same_max_reward": _share(same_best, len(recorded)),
        "success_rate_recorded": _solved(recorded.values(), len(recorded)),
        "success_rate_replayed": _solved(replayed.values(), len(recorded)),
        "harness_errors": sum(
            e["stop_reason"] == StopReason.HARNESS_ERROR for e in replayed.values()
        ),
        "differences": differences,
    }


def _difference(
    key: Key, turn: int, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    sides: Sequence[Mapping[str, Any]] = (before or {}, after or {})
    return {
        "task": key[0],
        "attempt": key[1],
        "turn": turn,
        "action": next((side["action"] for side in sides if side), None),
        "reward": [side.get("reward") for side in sides],
        "observation": [side.get("observation") for side in sides],
    }


def _solved(episodes: Any, count: int) -> float | None:
    return _share(sum(bool(episode.get("solved")) for episode in episodes), count)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
