"""Exports run folders as the original's result files, which its tools and ours read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from asynccode.lines import clean
from asynccode.records import UNJUDGED
from asynccode.results.folder import Note
from asynccode.results.sources import is_hinted, who
from asynccode.results.writing import replacing

FOLDER = "intercode"
DATASETS = {
    "intercode/spider": "./data/sql/spider/ic_spider_dev.json",
    "intercode/wikisql": "./data/sql/wikisql/ic_wikisql_dev.json",
    "intercode/bird": "./data/sql/bird/ic_bird.json",
    "intercode/mbpp": "./data/python/mbpp/ic_mbpp.json",
    "intercode/ctf": "./data/ctf/ic_ctf.json",
}
_PART = re.compile(r"intercode/nl2bash-(\d+)")
_LANGUAGES = (
    ("sql", ("sql", "spider", "bird")),
    ("python", ("python", "mbpp")),
    ("ctf", ("ctf",)),
)
"""The original's environments by what is in the names of suites; any other is Bash."""


def write(
    manifest: Mapping[str, Any], episodes: Iterable[Mapping[str, Any]], output: Path, note: Note
) -> list[Path]:
    """Write a file to the folder `output` for each attempt, episode by episode.

    Attempt 0 is in the folder itself, attempt N in `attempt_N`. Its format has no word for an
    episode that nobody was judged in: it would count as unsolved, so it is left out.
    """
    files: dict[int, _File] = {}
    with ExitStack() as stack:
        for episode in episodes:
            task, attempt = episode["task_id"], episode["attempt"]
            if episode["stop_reason"] in UNJUDGED:
                note(f"task {task!r}, attempt {attempt}: {episode['stop_reason']}, left out.")
                continue
            if attempt not in files:
                folder = output / f"attempt_{attempt}" if attempt else output
                path = folder / file_name(manifest, str(episode["suite"]))
                files[attempt] = _File(path, stack.enter_context(replacing(path)))
            files[attempt].add(str(task), record(episode, manifest))
        for file in files.values():
            file.end()
    return [file.path for file in files.values()]


class _File:
    """A JSON object that is written entry by entry."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file = file
        self.separator = b"{\n"

    def add(self, key: str, value: Mapping[str, Any]) -> None:
        entry = f"{json.dumps(clean(key))}: {json.dumps(clean(value), allow_nan=False)}"
        self.file.write(self.separator + entry.encode("ascii"))
        self.separator = b",\n"

    def end(self) -> None:
        self.file.write(b"\n}\n")


def environment_of(suite: str) -> str:
    """Give the original's name of the environment that a suite is played in."""
    for language, words in _LANGUAGES:
        if any(word in suite for word in words):
            return f"ic_{language}"
    return "ic_bash"


def file_name(manifest: Mapping[str, Any], suite: str) -> str:
    """Name a file as the original's harness would have."""
    model = re.sub(r"[^\w.+-]+", "-", who(manifest)[0]).strip("-") or "unknown"
    name = f"{environment_of(suite)}_multiturn_{model}_{manifest.get('max_turns') or 10}_turns"
    if is_hinted(manifest):
        name += "_handicap"
    part = _PART.fullmatch(suite)
    return name + (f"_fs_{part[1]}.json" if part else ".json")


def _executed(step: Mapping[str, Any]) -> str:
    """Give an action as ReAct's format has it; what was no action stays as it was said."""
    action: str = step["action"]
    if action == "submit" or (step["valid"] is False and step["outcome"] is None):
        return action
    return f"execute[{action}]"


def record(episode: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Give an episode as the original wrote it, with what it had no word for beside."""
    steps, suite, final = episode["steps"], str(episode["suite"]), episode["reward"]
    rewards = [step["reward"] or 0 for step in steps]
    is_scored = bool(episode.get("scored_every_turn"))
    if rewards and final is not None and not is_scored:
        rewards[-1] = final  # an episode that ran out is scored after its last turn
    best = max(rewards, default=0) if is_scored else final or 0
    part = _PART.fullmatch(suite)
    history: dict[str, Any] = {
        "actions": [step["action"] for step in steps],
        "observations": [step["observation"] or "" for step in steps],
        "rewards": rewards,
        "valid_action": [step["valid"] for step in steps],
    }
    strategy = who(manifest)[1] or ""
    thoughts = [step.get("thought") or "" for step in steps]
    if strategy == "react":
        history["thoughts"] = thoughts
        if "source" not in manifest:  # ours: a result file of the original has them so already
            history["actions"] = [_executed(step) for step in steps]
    elif strategy.startswith("plan-and-solve"):
        history["steps"] = thoughts
    made = {
        "environment": environment_of(suite),
        "dataset": f"./data/nl2bash/nl2bash_fs_{part[1]}.json"
        if part
        else DATASETS.get(suite, suite),
        "task_id": int(task) if (task := episode["task_id"]).isascii() and task.isdigit() else task,
        "query": episode["query"],
        "turn_history": history,
        "summary": {
            "max_reward": best,
            "max_reward_idx": rewards.index(best) if best in rewards else len(steps) - 1,
            "turns_taken": episode.get("turns_taken", len(steps)),
            "turns_max": manifest.get("max_turns"),
        },
        "scored_every_turn": is_scored,
        "attempt": episode["attempt"],
        "stop_reason": episode["stop_reason"],
    }
    if "difficulty" in episode["labels"]:
        made["hardness"] = episode["labels"]["difficulty"]
    return made
