from __future__ import annotations

from typing import Any

from asynccode.comparison import SHOWN, compare


def line(*turns: tuple[str, str, float | None], reward: float | None = 1.0) -> dict[str, Any]:
    return {
        "steps": [{"action": a, "observation": o, "reward": r} for a, o, r in turns],
        "reward": reward,
        "solved": reward == 1.0,
        "stop_reason": "harness_error" if reward is None else "submitted",
    }


def test_equal_runs_are_equal() -> None:
    run = {("a", 0): line(("ls", "x", None), ("submit", "x", 1.0))}
    figures = compare(run, run)
    assert figures["episodes"] == 1
    assert figures["turns"] == 2
    for name in ("same_reward", "same_observation", "same_max_reward"):
        assert figures[name] == 1.0
    assert figures["success_rate_recorded"] == figures["success_rate_replayed"] == 1.0
    assert figures["harness_errors"] == 0
    assert figures["differences"] == []


def test_every_difference_counts() -> None:
    recorded = {
        ("a", 0): line(("ls", "x", None), ("submit", "x", 1.0)),
        ("b", 1): line(("ls", "x", 0.5)),
        ("c", 0): line(("ls", "x", None), ("ls", "y", None)),
    }
    replayed = {
        ("a", 0): line(("ls", "OTHER", None), ("submit", "x", 0.5), reward=0.5),
        ("b", 1): line(reward=None),
        ("c", 0): line(("ls", "x", None), ("ls", "y", None), ("submit", "y", 1.0)),
    }
    figures = compare(recorded, replayed)
    assert figures["turns"] == 6
    assert figures["same_reward"] == 3 / 6
    assert figures["same_observation"] == 3 / 6
    assert figures["same_max_reward"] == 1 / 3
    assert figures["success_rate_recorded"] == 1.0
    assert figures["success_rate_replayed"] == 1 / 3
    assert figures["harness_errors"] == 1
    assert figures["differences"][0] == {
        "task": "a",
        "attempt": 0,
        "turn": 0,
        "action": "ls",
        "reward": [None, None],
        "observation": ["x", "OTHER"],
    }
    assert [d["task"] for d in figures["differences"]] == ["a", "a", "b", "c"]


def test_what_was_not_replayed_differs_and_few_differences_are_shown() -> None:
    figures = compare({(str(n), 0): line(("ls", "x", 1.0)) for n in range(50)}, {})
    assert figures["same_reward"] == 0.0
    assert len(figures["differences"]) == SHOWN
    assert compare({}, {})["same_reward"] is None
