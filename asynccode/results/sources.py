"""Finds and reads what paths name: run folders, and result files that others made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asynccode import registry
from asynccode.errors import InputError, TaskDataError
from asynccode.feedback import Feedback
from asynccode.results.attempts import Attempt, Batch, error_share, labels_of
from asynccode.results.folder import (
    Note,
    episodes_of,
    is_run_folder,
    manifest_of,
    played_again,
)

SETTINGS = (
    *("seed", "max_turns", "limits", "budget", "feedback", "semantics", "agent"),
    *("versions", "created", "suite_digest", "images"),
)
"""What of a manifest is given beside the figures."""
SCORED = frozenset(level.value for level in Feedback if level.shows_reward)
"""Levels of feedback at which every turn is scored."""


def read_batches(paths: Iterable[Path]) -> list[Batch]:
    """Read every run folder and result file that paths name or hold.

    What cannot be read in a file is in the batch's `skipped`; a file in a folder that is
    neither gives a batch without attempts that says so. Raises `InputError` for a path that
    is not there, and where nothing at all could be read.
    """
    batches = [read_batch(found) for path in paths for found in find(path)]
    if not any(batch.attempts for batch in batches):
        notes = " ".join(note for batch in batches for note in batch.skipped)
        raise InputError(
            "There are no episodes here: name run folders, or result files of InterCode."
            + (f" {notes}" if notes else "")
        )
    return batches


def find(path: Path) -> Iterator[Path]:
    """Give the run folders and result files at or below a path, in the order of names."""
    if not path.exists():
        raise InputError(f"There is no {path}: name a run folder or a result file.")
    if path.is_file() or is_run_folder(path):
        yield path
        return
    for below in sorted(path.iterdir()):
        if below.name.startswith(".") or (below.is_symlink() and below.is_dir()):
            continue  # hidden, or perhaps a way back up
        if below.is_dir() or below.suffix in (".json", ".jsonl"):
            yield from find(below)


def read_batch(path: Path) -> Batch:
    """Read one run folder or result file; what cannot be read is said in it."""
    if is_run_folder(path):
        return _own(path)
    try:
        read = registry.resolve(registry.RESULTS["foreign"], "reader of results")
        batch = read(path)
    except TaskDataError as error:
        return Batch(source=str(path), suite="", model="", foreign=True, skipped=[str(error)])
    assert isinstance(batch, Batch)
    return batch


def open_source(path: Path, note: Note) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Give the manifest of a run folder or result file, and its episodes one at a time.

    A result file of others comes as if it were a run folder of ours. Raises `InputError` if
    `path` is not there or is no such file.
    """
    if not path.exists():
        raise InputError(f"There is no {path}: name a run folder or a result file.")
    if is_run_folder(path):
        manifest = manifest_of(path, note)
        return manifest, (_of_run(one, manifest) for one in episodes_of(path, note))
    if path.is_dir():
        inside = [str(folder) for folder in sorted(path.iterdir()) if is_run_folder(folder)]
        hint = f" Name one of those in it: {', '.join(inside[:5])}." if inside else ""
        raise InputError(
            f"{path} is no run folder: it has no manifest.json and no episodes.jsonl.{hint}"
        )
    found: tuple[dict[str, Any], Iterator[dict[str, Any]]]
    found = registry.resolve(registry.RESULTS["episodes"], "reader of results")(path)
    return found


def _of_run(episode: dict[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what the manifest says of all episodes."""
    scored = manifest.get("feedback") in SCORED
    return {
        **episode,
        "suite": episode["suite"] or manifest.get("suite"),
        "backend": episode["backend"] or manifest.get("backend"),
        "scored_every_turn": episode.get("scored_every_turn", scored),
    }


def _own(path: Path) -> Batch:
    skipped: list[str] = []
    manifest, episodes = open_source(path, skipped.append)
    suite = str(manifest.get("suite") or "")
    attempts = []
    for episode in episodes:
        suite = suite or str(episode["suite"] or "?")
        attempts.append(attempt_of(episode))
    model, strategy = who(manifest)
    return Batch(
        source=str(path),
        suite=suite,
        model=model,
        strategy=strategy,
        schema=is_hinted(manifest),
        backend=manifest.get("backend"),
        compat=manifest.get("compat"),
        settings={name: manifest[name] for name in SETTINGS if name in manifest},
        attempts=attempts,
        played_again=played_again(path),
        skipped=skipped,
    )


def who(manifest: Mapping[str, Any]) -> tuple[str, str | None]:
    """Give who acted and how, from a manifest: the model and the strategy, or the policy."""
    policy = str(manifest.get("policy") or "?")
    agent = _agent(manifest)
    if policy.startswith("replay:"):
        policy = f"replay of {Path(policy).stem}"
    model = str(agent.get("model") or policy.removeprefix("chat:"))
    strategy = agent.get("strategy") or manifest.get("strategy")
    if strategy is None:
        return model, None
    refined = f"+refine-{agent['refine']}" if agent.get("refine") else ""
    return model, f"{strategy}{refined}"


def is_hinted(manifest: Mapping[str, Any]) -> bool:
    """Whether the agent was shown what makes the task easier, such as a database's schema."""
    return bool(_agent(manifest).get("hint") or manifest.get("hint"))


def _agent(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    agent = manifest.get("agent")
    return agent if isinstance(agent, Mapping) else {}


def attempt_of(episode: Mapping[str, Any]) -> Attempt:
    """Give what tables count of a line of `episodes.jsonl`, as `folder.whole` made it."""
    steps = episode["steps"]
    # Without a score after every turn, a reward of 0 there says nothing.
    is_scored = episode.get("scored_every_turn") or len(steps) == 1
    first = steps[0]["reward"] if steps and is_scored else None
    return Attempt(
        task_id=episode["task_id"],
        attempt=episode["attempt"],
        solved=episode["solved"],
        first_solved=None if first is None else first >= 1,
        reward=episode["reward"],
        turns=episode.get("turns_taken", len(steps)),
        error_share=error_share([step["valid"] for step in steps]),
        stop_reason=episode["stop_reason"],
        seconds=episode["wall_seconds"],
        tokens_in=episode.get("tokens_in"),
        tokens_out=episode.get("tokens_out"),
        labels=labels_of(episode["labels"], str(episode["suite"] or "")),
    )


def notes_of(batches: Iterable[Batch]) -> list[str]:
    """Give everything that could not be read."""
    return [note for batch in batches for note in batch.skipped]
