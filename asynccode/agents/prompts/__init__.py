"""Prompts in versioned files; a run's manifest records which, by digest.

A file is TOML: a table for each strategy, with `common` for what they share, `languages` and
`feedback`. See `v1.toml`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from asynccode.errors import InputError
from asynccode.records import Turn

FOLDER = Path(__file__).parent
NEWEST = "v1"


@frozen
class Prompts:
    """The prompts of one strategy."""

    source: str
    """A version of ours, or the path of a file."""
    digest: str
    """Hex SHA-256 of the file."""
    texts: Mapping[str, str]
    feedback: Mapping[str, str]
    languages: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, strategy: str, source: str | None = None) -> Prompts:
        """Load a version of ours (the newest by default) or a file.

        Raises `InputError` if it is not there, is no TOML or lacks what a strategy needs.
        """
        source = source or NEWEST
        path = FOLDER / f"{source}.toml" if source.isalnum() else Path(source)
        try:
            data = path.read_bytes()
            tables = tomllib.loads(data.decode())
            texts = {**tables["common"], **tables[strategy]}
            return cls(
                source,
                hashlib.sha256(data).hexdigest(),
                texts,
                tables["feedback"],
                tables.get("languages", {}),
            )
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot read the prompts {source!r}: {error}.") from error
        except KeyError as error:
            raise InputError(f"The prompts {source!r} have no table {error}.") from error

    def fill(self, name: str, turn: Turn, **more: Any) -> str:
        """Fill a text in for a turn. Raises `InputError` if the file lacks it or it is wrong."""
        brief = turn.brief
        fallback = {"language": brief.language, "fence": brief.language}
        values = {
            **(self.languages.get(brief.language) or fallback),
            "about": brief.about,
            "query": turn.task.query,
            "hint": brief.hint or "",
            "feedback": self.feedback.get(turn.feedback, ""),
            "turns": turn.max_turns,
            **more,
        }
        try:
            return self.texts[name].format_map(values)
        except (KeyError, ValueError, IndexError) as error:
            raise InputError(
                f"The prompts {self.source!r}: {name} cannot be used: {error!r}."
            ) from error
