"""Policies that need no model: gold, no-op, a script, a replay of recorded actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asynccode.errors import PolicyError, TaskDataError
from asynccode.interfaces import Policy
from asynccode.records import Action, Invalid, Skip, StopReason, Submit, Turn


class Gold(Policy):
    """Plays the task's gold actions in order, then submits."""

    async def act(self, turn: Turn) -> Action:
        """Give the next gold action."""
        if not turn.task.gold:
            raise PolicyError(f"Task {turn.task.id!r} has no gold.")
        played = len(turn.steps)
        return turn.task.gold[played] if played < len(turn.task.gold) else Submit()


class Noop(Policy):
    """Submits at once: what doing nothing earns."""

    async def act(self, turn: Turn) -> Action:
        """Submit."""
        return Submit()


class Scripted(Policy):
    """Plays the same list of actions in every episode, then submits."""

    def __init__(self, *actions: Action) -> None:
        self.actions = actions

    async def act(self, turn: Turn) -> Action:
        """Give the next action of the list."""
        played = len(turn.steps)
        return self.actions[played] if played < len(self.actions) else Submit()


class Replay(Policy):
    """Plays recorded actions, by task and attempt, then submits."""

    def __init__(
        self,
        actions: Mapping[tuple[str, int], Sequence[Action | Invalid]],
        source: str = "the recording",
    ) -> None:
        self.actions = actions
        self.source = source

    @classmethod
    def load(cls, source: str) -> Replay:
        """Read an InterCode result file, a run folder or its `episodes.jsonl`.

        Raises `TaskDataError` if it cannot be read.
        """
        return cls(recorded_actions(Path(source)), source)

    async def act(self, turn: Turn) -> Action | Invalid:
        """Give the next recorded action; an attempt that was not recorded plays attempt 0."""
        task = turn.task.id
        actions = self.actions.get((task, turn.attempt), self.actions.get((task, 0)))
        if actions is None:
            raise PolicyError(f"{self.source} holds no actions for task {task!r}.")
        played = len(turn.steps)
        return actions[played] if played < len(actions) else Submit()


def recorded_actions(path: Path) -> dict[tuple[str, int], list[Action | Invalid]]:
    """Read the actions of every recorded (task, attempt).

    Raises `TaskDataError` if the file is neither a recorded InterCode result nor one of our
    run folders.
    """
    if path.is_dir() or path.suffix == ".jsonl":
        return _from_run_folder(path)
    if not path.exists():
        raise TaskDataError(f"There is no recording {path}: name a result file or a run folder.")
    from asynccode.registry import RECORDINGS, resolve

    read = resolve(RECORDINGS, "reader of recordings")
    typed: dict[str, Action] = {"submit": Submit(), "skip": Skip()}  # as the original took them
    return {
        (str(task), 0): [typed.get(action, action) for action in actions]
        for task, actions in read(path).items()
    }


def _from_run_folder(path: Path) -> dict[tuple[str, int], list[Action | Invalid]]:
    from asynccode.runfolder import read_episodes

    recorded = {}
    for episode in read_episodes(path):
        steps, stop = episode["steps"], episode["stop_reason"]
        actions = [_typed(step) for step in steps]
        if steps and "kind" not in steps[-1] and stop in (StopReason.SUBMITTED, StopReason.SKIPPED):
            # Before kinds were recorded, only the last action could be a typed one.
            kind = "submit" if stop == StopReason.SUBMITTED else "skip"
            actions[-1] = _typed({**steps[-1], "kind": kind})
        recorded[episode["task_id"], episode["attempt"]] = actions
    return recorded


def _typed(step: Mapping[str, Any]) -> Action | Invalid:
    text = str(step["action"])
    match step.get("kind"):
        case "submit":
            _, space, answer = text.partition(" ")
            return Submit(answer=answer if space else None)
        case "skip":
            return Skip()
        case "invalid":
            return Invalid(text=text, message=step["observation"] or "")
        case _:
            return text
