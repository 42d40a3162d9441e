"""Data of InterCode's capture the flag, as tests lay it out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asynccode.registry import load_suite
from asynccode.tasks.intercode.ctf.compat import (
    CompatCtfSuite,
)
from asynccode.tasks.intercode.ctf.suite import InterCodeCtfSuite

FLAG = "picoCTF{a_flag_to_find_1234}"


def task(number: int, query: str = "Find it.", gold: str = FLAG, **more: Any) -> dict[str, Any]:
    return {"task_id": number, "query": query, "gold": gold, "tags": ["Forensics"], **more}


def clone(
    folder: Path, *tasks: dict[str, Any], files: Mapping[str, bytes | str] | None = None
) -> Path:
    """Lay out a folder of data; `files` are below task_assets."""
    place = folder / "data/ctf"
    place.mkdir(parents=True)
    (place / "ic_ctf.json").write_text(json.dumps(tasks))
    for name, content in (files or {}).items():
        path = place / "task_assets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def ours(folder: Path, **options: Any) -> InterCodeCtfSuite:
    suite = load_suite("intercode/ctf", data=folder, **options)
    assert isinstance(suite, InterCodeCtfSuite)
    return suite


def compat(folder: Path) -> CompatCtfSuite:
    suite = load_suite("intercode/ctf", data=folder, compat="intercode", base="host")
    assert isinstance(suite, CompatCtfSuite)
    return suite
