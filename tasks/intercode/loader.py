"""The suites `intercode/nl2bash-1` to `-4`, from data that the user has.

A folder of data is a clone of the original repository, or one laid out like it:

    data/nl2bash/nl2bash_fs_N.json           the tasks
    filesystems/fs_N.json                    what the file system holds, as a manifest; or
    docker/bash_scripts/setup_nl2b_fs_N.sh   the clone's set-up script, with
    docker/docker.gitignore                  what git is told to ignore
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from asynccode.errors import InputError, TaskDataError
from asynccode.images import Image
from asynccode.interfaces import Suite
from asynccode.records import Task
from asynccode.tasks.intercode.images import filesystem_name, nl2bash_image

COMPAT = ("intercode", "intercode-1.0.2")
"""Names of the original's semantics."""
_NAME = re.compile(r"intercode/nl2bash-([1-4])")


def load(name: str, *, data: Path | None, compat: str | None, base: str | None) -> Suite:
    """Load `intercode/nl2bash-N`, with the original's semantics or (`compat=None`) with ours.

    `base` names another base for the images, or is the path of a root file system.
    Raises `InputError` for another name or mode, and `TaskDataError` if the data is not
    there or does not fit together.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise InputError(
            f"There is no suite {name!r}: of InterCode there are intercode/nl2bash-1 to -4."
        )
    if compat is not None and compat not in COMPAT:
        raise InputError(f"There is no mode {compat!r}: use --compat intercode, or none for ours.")
    number = int(found[1])
    folder = find_data(data)
    image = nl2bash_image(folder, number, base=base, compat=compat is not None)
    tasks = read_tasks(folder / f"data/nl2bash/nl2bash_fs_{number}.json", image, number)
    if compat is not None:
        from asynccode.tasks.intercode.suite import CompatSuite

        return CompatSuite(tasks, name=name)
    from asynccode.tasks.bash import BashSuite

    return BashSuite(tasks, name=name)


def find_data(data: Path | None) -> Path:
    """Give the folder of data: the one named, `$ASYNCCODE_DATA`, or `../shared/intercode`.

    Raises `TaskDataError` if there is none, or if it is not laid out as it must be.
    """
    named = data or (Path(value) if (value := os.environ.get("ASYNCCODE_DATA")) else None)
    folder = named or Path("../shared/intercode")
    if (folder / "data").is_dir():
        return folder
    if named is None:
        raise TaskDataError(
            "The InterCode data is not here: clone princeton-nlp/intercode and name the clone "
            "with --data DIR or $ASYNCCODE_DATA."
        )
    raise TaskDataError(
        f"{folder} is not a clone of InterCode: it has no folder 'data'; name the top folder "
        "of a clone with --data DIR or $ASYNCCODE_DATA."
    )


def read_tasks(path: Path, image: Image, number: int) -> tuple[Task, ...]:
    """Read a file of tasks. Raises `TaskDataError`."""
    try:
        return tuple(
            Task(
                id=str(index),
                query=str(record["query"]),
                gold=_gold(record["gold"]),
                image=image,
                compare="tfidf",
                metadata={
                    "filesystem": filesystem_name(number),
                    "provenance": f"InterCode {path.name} #{index}",
                    "difficulty": None,
                },
            )
            for index, record in enumerate(json.loads(path.read_text(encoding="utf-8")))
        )
    except OSError as error:
        raise TaskDataError(f"Cannot read the tasks {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TaskDataError(
            f"{path} is not a list of InterCode tasks with 'query' and 'gold': {error!r}."
        ) from error


def _gold(gold: Any) -> Any:
    return (gold,) if isinstance(gold, str) else tuple(gold)
