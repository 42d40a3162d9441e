"""How much an agent is told of what its actions did: five levels, for every environment."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Feedback(StrEnum):
    """What a policy is shown after an action; each level tells more than the one before."""

    NONE = "none"
    """Nothing at all."""
    EXECUTED = "executed"
    """Whether the action was executed."""
    HIDDEN = "hidden"
    """The observation; the reward stays hidden. The default."""
    SHOWN = "shown"
    """The observation, and the reward of what is there now."""
    FULL = "full"
    """The observation, the reward, its parts, and what else the environment knows: `feedback`
    in the info of its score, such as the first test that failed."""

    @property
    def shows_reward(self) -> bool:
        """Whether each action is scored, and an episode ends when its reward is 1."""
        return self in (Feedback.SHOWN, Feedback.FULL)


def shown(level: Feedback, observation: str, reward: float | None, info: Mapping[str, Any]) -> str:
    """Put what a policy is shown into words.

    `info` is that of the step; `valid`, `reward_parts` and `feedback` are used of it. A
    `reward` of None (it cannot be known before the end) is left out.
    """
    if level is Feedback.NONE:
        return ""
    if level is Feedback.EXECUTED:
        return "[not executed]" if info.get("valid") is False else "[executed]"
    lines = []
    if level.shows_reward and reward is not None:
        lines.append(f"[reward {reward:g}]")
    if level is Feedback.FULL:
        if info.get("valid") is False:
            lines.append("[not executed]")
        parts = info.get("reward_parts") or {}
        if parts:
            lines.append(f"[{', '.join(f'{name} {_plain(v)}' for name, v in parts.items())}]")
        if info.get("feedback"):
            lines.append(str(info["feedback"]))
    if lines and observation and not observation.endswith("\n"):
        observation += "\n"
    return observation + "\n".join(lines)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
