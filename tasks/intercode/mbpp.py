"""The suite `intercode/mbpp`: 974 functions to write, from data that the user has.

data/python/mbpp/ic_mbpp.json   [{"query", "gold", "tests", "test_setup_code", "task_id"}]
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asynccode.errors import InputError, TaskDataError
from asynccode.images import Image
from asynccode.interfaces import Suite
from asynccode.outcomes import Limits
from asynccode.records import Task
from asynccode.tasks.intercode.loader import COMPAT, find_data
from asynccode.tasks.python.parsing import parse
from asynccode.tasks.python.submission import definitions
from asynccode.tasks.python.suite import Hidden, PythonSuite
from asynccode.tasks.python.tests import Test, read_test

FIRST_FUNCTION = re.compile(r"def (\w+)\(")
"""What the original calls the submitted function (python_env.py:97)."""


LIMITS = Limits()
"""Gold of one task takes some seconds to itself."""


def load(name: str, *, data: Path | None, compat: str | None, base: str | None) -> Suite:
    """Load `intercode/mbpp`, with the original's semantics or (`compat=None`) with ours.

    Raises `InputError` for another mode, `TaskDataError` if the data cannot be used.
    """
    if compat is not None and compat not in COMPAT:
        raise InputError(f"There is no mode {compat!r}: use --compat intercode, or none for ours.")
    path = find_data(data) / "data/python/mbpp/ic_mbpp.json"
    tasks = read_tasks(path, Image(base=base or "host", python="python3"))
    if compat is not None:
        from asynccode.tasks.intercode.pyenv import CompatPythonSuite

        return CompatPythonSuite([task for task, _ in tasks.values()], name=name)
    return PythonSuite(tasks, name=name, limits=LIMITS)


def read_tasks(path: Path, image: Image) -> dict[str, tuple[Task, Hidden]]:
    """Read the file, by index. Raises `TaskDataError`."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return {str(i): _read(path, i, record, image) for i, record in enumerate(records)}
    except OSError as error:
        raise TaskDataError(f"Cannot read the tasks {path}: {error.strerror}.") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise TaskDataError(
            f"{path} is not a list of InterCode tasks with 'query', 'gold' and 'tests': {error!r}."
        ) from error


def _read(path: Path, index: int, record: Mapping[str, Any], image: Image) -> tuple[Task, Hidden]:
    gold, tests = str(record["gold"]), [str(text) for text in record["tests"]]
    setup = str(record.get("test_setup_code", ""))
    read = [read_test(text) for text in tests]
    task = Task(
        id=str(index),
        query=str(record["query"]),
        gold=(gold,),
        image=image,
        compare="none",
        metadata={
            "provenance": f"InterCode {path.name} #{index}",
            "difficulty": None,
            "tests": tests,
            "setup": setup,
            "show_test": True,
        },
    )
    return task, Hidden(tests=read, name=tested_name(gold, read), setup=setup)


def tested_name(gold: str, tests: Sequence[Test]) -> str:
    """Give what the tests call: the function of gold's that the first of them names."""
    asked = parse(tests[0].checks[0].asked)
    called = [node.id for node in ast.walk(asked) if isinstance(node, ast.Name)]
    defined = definitions(gold)
    return next((name for name in called if name in defined), defined[0] if defined else "")
