"""What is kept of a run: `manifest.json` and `episodes.jsonl`, readable after any crash.

An episode is one line, appended in one write as it ends. A line that a crash tore is cut off
when the run is resumed, and its episode is played again. So are episodes that ended with
`harness_error`, `policy_error` or `cancelled`: nobody was judged in them. Their lines move
to `unfinished.jsonl`, so that `episodes.jsonl` has one line for each (task, attempt).
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from asynccode.errors import InputError, TaskDataError
from asynccode.lines import check_record, clean, dump_line, episode_record
from asynccode.records import UNJUDGED, Episode
from asynccode.statistics import Tally

MANIFEST = "manifest.json"
EPISODES = "episodes.jsonl"
UNFINISHED = "unfinished.jsonl"
LOCK = ".lock"

SETTINGS = (
    "suite",
    "suite_digest",
    "backend",
    "images",
    "policy",
    "semantics",
    "compat",
    "limits",
    "max_turns",
    "seed",
    "budget",
    "feedback",
    "agent",
)
"""What decides what an episode is: a folder is resumed only where all of it is the same."""

LATER: Mapping[str, Any] = {"feedback": "hidden", "agent": {}}
"""What a setting is in folders made before it was recorded; None if it is not here."""


class RunFolder:
    """A run folder, locked while it is open; use it in `with`. All methods block on disk."""

    def __init__(self, path: Path, lock: int, manifest: Mapping[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.done: set[tuple[str, int]] = set()
        """The (task id, attempt) pairs that earlier runs finished."""
        self.tally = Tally()
        """Counts over all episodes in the folder."""
        self._lock = lock
        self._file = -1

    @classmethod
    def open(cls, path: Path, manifest: Mapping[str, Any], *, resume: bool = True) -> RunFolder:
        """Make a folder, or go on with one made with the same settings.

        Without `resume`, what is there moves to a folder `earlier-N` inside. Raises
        `InputError` if another run holds the folder or it was made with other settings,
        `TaskDataError` if it is damaged.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"Cannot use {path} as a run folder: {error.strerror}.") from error
        folder = cls(path, lock, clean(manifest))
        try:
            folder._begin(resume)
        except BaseException:
            folder.close()
            raise
        return folder

    def append(self, episode: Episode) -> None:
        """Write one finished episode. Raises `InputError` if the disk does not take it."""
        line = dump_line(episode_record(episode))
        end = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            os.ftruncate(self._file, end)  # half a line would spoil the next one
            raise InputError(f"Cannot write to {self.path / EPISODES}: {error}.") from error
        self.tally.add(episode)

    def close(self) -> None:
        """Give the folder free; safe to call twice."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
        if self._lock >= 0:
            os.close(self._lock)
        self._file = self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, resume: bool) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another run is writing to {self.path}: wait for it, or name another folder."
            ) from error
        if not resume:
            self._move_aside()
        earlier = read_manifest(self.path) if (self.path / MANIFEST).exists() else None
        if earlier is None:
            self._check_is_new()
            write_atomically(self.path / MANIFEST, _pretty(self.manifest))
        else:
            different = differences(earlier, self.manifest)
            if different:
                raise InputError(
                    f"{self.path} was made with other settings: {different};"
                    " name another folder, or start afresh with --no-resume."
                )
            self._resume(earlier)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self.path / EPISODES, flags, 0o644)

    def _check_is_new(self) -> None:
        episodes = self.path / EPISODES
        if episodes.exists() and episodes.stat().st_size:
            raise TaskDataError(
                f"{self.path} has an {EPISODES} but no {MANIFEST}: name another folder, or start"
                " afresh with --no-resume."
            )

    def _resume(self, earlier: Mapping[str, Any]) -> None:
        path = self.path / EPISODES
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        kept: list[bytes] = []
        again: list[bytes] = []
        for number, line in enumerate(whole.splitlines(keepends=True), 1):
            record = _parse(line, path, number)
            if record["stop_reason"] in UNJUDGED:
                again.append(line)
            else:
                kept.append(line)
                self.done.add((record["task_id"], record["attempt"]))
                self.tally.add_record(record)
        if again:
            with (self.path / UNFINISHED).open("ab") as file:
                file.write(b"".join(again))
        if len(whole) < len(data) or again:
            write_atomically(path, b"".join(kept))
        resumed = [*earlier.get("resumed", []), _run_of(self.manifest)]
        images = {**earlier.get("images", {}), **self.manifest.get("images", {})}
        self.manifest = {**earlier, "images": images, "resumed": resumed}
        write_atomically(self.path / MANIFEST, _pretty(self.manifest))

    def _move_aside(self) -> None:
        there = [self.path / n for n in (MANIFEST, EPISODES, UNFINISHED)]
        there = [file for file in there if file.exists()]
        if not there:
            return
        number = 1
        while (aside := self.path / f"earlier-{number}").exists():
            number += 1
        aside.mkdir()
        for file in there:
            file.rename(aside / file.name)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a run folder's manifest. Raises `TaskDataError` if it is not one."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise TaskDataError(f"{path} is no run folder: it has no {MANIFEST}.") from error
    except (OSError, ValueError) as error:
        raise TaskDataError(f"Cannot read {path / MANIFEST}: {error}.") from error
    if not isinstance(manifest, dict):
        raise TaskDataError(f"{path / MANIFEST} is not the manifest of a run.")
    return manifest


def read_episodes(path: Path) -> Iterator[dict[str, Any]]:
    """Read the episodes of a run folder, or of an `episodes.jsonl`, line by line.

    A torn last line is left out. Raises `TaskDataError` for any other line that is no episode.
    """
    file = path / EPISODES if path.is_dir() else path
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.endswith(b"\n"):
                    yield _parse(line, file, number)
    except OSError as error:
        if path.is_dir() and isinstance(error, FileNotFoundError) and (path / MANIFEST).exists():
            return  # a run that was stopped before its first episode ended
        raise TaskDataError(f"Cannot read {file}: {error.strerror}.") from error


def _parse(line: bytes, file: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
        check_record(record)
    except (ValueError, RecursionError) as error:
        raise TaskDataError(f"Line {number} of {file} is no episode: {error}.") from error
    return dict(record)


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the settings in which two manifests differ, with both values; empty if none."""
    found = []
    for name in SETTINGS:
        was, now_is = (side.get(name, LATER.get(name)) for side in (earlier, now))
        if name == "images" and isinstance(was, dict) and isinstance(now_is, dict):
            # A run of a few tasks builds a few of the images: those of both must agree.
            both = was.keys() & now_is.keys()
            was = {key: was[key] for key in sorted(both)}
            now_is = {key: now_is[key] for key in sorted(both)}
        if was != now_is:
            found.append(f"{name} was {_short(was)}, now {_short(now_is)}")
    return "; ".join(found)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "..."


def _run_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in SETTINGS}


def _pretty(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, indent=2, allow_nan=False).encode() + b"\n"


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file: after a crash it is the old one or the new one."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
