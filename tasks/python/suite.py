"""The suite `python`: tasks of our own that are solved in a Python interpreter.

They lie in `data/python`, one folder per kind:

    tasks.json        {"about", "provenance", "tasks": [{"id", "query", "gold", "tests",
                      "difficulty", and "name" or "submits"}]}
    filesystem.json   optional: what is in the working folder (`asynccode.images.Manifest`)

`name` is what the tests call the function or class that is to be written; `submits` are paths of
files that are. `--data DIR` names another folder laid out like this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from attrs import field, frozen

from asynccode.errors import InputError, TaskDataError
from asynccode.images import Image, Manifest
from asynccode.interfaces import Suite, Worlds, sandbox_of
from asynccode.outcomes import Limits
from asynccode.python import open_python
from asynccode.records import Task
from asynccode.tasks.files import check_ids, in_one, reading, task_files
from asynccode.tasks.python import values
from asynccode.tasks.python.environment import PythonEnvironment
from asynccode.tasks.python.tests import Test, read_test
from asynccode.tasks.python.told import Told
from asynccode.tasks.python.verifier import ask, prepare
from asynccode.tasks.python.verifier import load as load_code

DATA = Path(__file__).parent.parent / "data" / "python"
Semantics = Literal["persistent", "files", "per-step"]
"""What lives from step to step: the interpreter, files alone, or nothing."""


@frozen(kw_only=True)
class Hidden:
    """What decides a task's reward, and never enters an agent's sandbox."""

    tests: tuple[Test, ...] = field(converter=tuple[Test, ...])
    name: str | None = None
    """What the tests call what is submitted."""
    submits: tuple[str, ...] = field(default=(), converter=tuple[str, ...])
    """Paths of the files that are submitted, if files are."""
    setup: str = ""
    """Code that runs in the verifier's sandbox after the submission, before the tests."""


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    semantics: Semantics = "persistent",
    told: Told = Told.TRACEBACK,
) -> PythonSuite:
    """Load the suite `python`; `data` is a folder like `data/python`.

    Raises `InputError` if `compat` is asked for, `TaskDataError` if the data cannot be used.
    """
    if compat is not None:
        raise InputError(
            f"The suite {name!r} has no mode {compat!r}: leave out --compat, or name an "
            "InterCode suite such as intercode/mbpp."
        )
    tasks = read_tasks(data or DATA, base or "host")
    return PythonSuite(tasks, name=name, semantics=semantics, told=told)


def read_tasks(folder: Path, base: str = "host") -> dict[str, tuple[Task, Hidden]]:
    """Read all tasks below `folder`, by id. Raises `TaskDataError`."""
    files = task_files(folder, "Python", "tasks.json")
    found = [pair for file in files for pair in _read(file, base)]
    check_ids([task for task, _ in found], folder)
    return {task.id: (task, hidden) for task, hidden in found}


def _read(file: Path, base: str) -> Iterator[tuple[Task, Hidden]]:
    with reading(file) as raw:
        manifest = file.with_name("filesystem.json")
        layers = [Manifest.load(manifest)] if manifest.exists() else []
        image = Image(base=base, layers=layers, python="python3")
        for item in raw["tasks"]:
            hidden = Hidden(
                tests=[read_test(text) for text in item["tests"]],
                name=item.get("name"),
                submits=item.get("submits", ()),
            )
            if not hidden.tests or (hidden.name is None) is (not hidden.submits):
                raise TaskDataError(
                    f"Task {item['id']!r} in {file}: it needs tests, and either name or submits."
                )
            yield (
                Task(
                    id=item["id"],
                    query=item["query"],
                    gold=item["gold"],
                    image=image,
                    compare="none",
                    metadata={
                        "kind": file.parent.name,
                        "provenance": raw["provenance"],
                        "difficulty": item["difficulty"],
                    },
                ),
                hidden,
            )


class PythonSuite(Suite):
    """Tasks whose submissions are tested in a sandbox of their own."""

    def __init__(
        self,
        tasks: Mapping[str, tuple[Task, Hidden]],
        *,
        name: str = "python",
        limits: Limits | None = None,
        semantics: Semantics = "persistent",
        told: Told = Told.TRACEBACK,
    ) -> None:
        """Take tasks by id, each with what decides its reward.

        Where steps share nothing but files, a gold of several actions becomes a single one.
        `told` is what full feedback says of the tests.
        """
        if semantics not in get_args(Semantics):
            kinds = ", ".join(get_args(Semantics))
            raise InputError(f"There are no semantics {semantics!r}: there are {kinds}.")
        kept = semantics == "persistent"
        self.name = name
        self.tasks = tuple(task if kept else in_one(task) for task, _ in tasks.values())
        self.limits = limits or Limits(step_seconds=10)
        self.semantics: Semantics = semantics
        self.told = Told(told)
        self._hidden = {key: hidden for key, (_, hidden) in tasks.items()}
        self._expected: dict[str, Sequence[Sequence[Any]]] = {}
        self._digest: str | None = None

    def hidden(self, task: Task) -> Hidden:
        """Give what decides a task's reward."""
        return self._hidden[task.id]

    async def expected(self, task: Task, worlds: Worlds) -> Sequence[Sequence[Any]]:
        """Give the values that each test's checks expect.

        Those that are no literals are found out in a world where gold ran, once. Call it while
        you hold no sandbox. Raises `TaskDataError` if gold cannot say them.
        """
        known = self._expected.get(task.id)
        if known is None:
            tests = self.hidden(task).tests
            if all(check.is_literal for test in tests for check in test.checks):
                known = [[values.literal(c.expected) for c in test.checks] for test in tests]
            else:
                known = await self._ask_gold(task, tests, worlds)
            self._expected[task.id] = known
        return known

    async def _ask_gold(
        self, task: Task, tests: Sequence[Test], worlds: Worlds
    ) -> Sequence[Sequence[Any]]:
        async with (
            sandbox_of(await worlds.open(task.image, self.limits)) as sandbox,
            await open_python(sandbox, self.limits) as session,
        ):
            mark = await prepare(session)
            trouble = await load_code(session, task.gold)
            if trouble:
                raise TaskDataError(f"Task {task.id!r} cannot be scored, its gold fails: {trouble}")
            return [[await ask(session, mark, c) for c in test.checks] for test in tests]

    def environment(self, task: Task, worlds: Worlds) -> PythonEnvironment:
        """Give a fresh environment for `task`."""
        return PythonEnvironment(self, task, worlds)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the semantics and of all that tasks are made of."""
        if self._digest is None:
            images = {id(task.image): task.image for task in self.tasks}
            digests = {key: image.digest for key, image in images.items()}
            rows: list[list[Any]] = []
            for task in self.tasks:
                hidden = self.hidden(task)
                tests = [test.text for test in hidden.tests]
                rows.append(
                    [task.id, task.query, task.gold, digests[id(task.image)], dict(task.metadata)]
                )
                rows[-1] += [tests, hidden.name, hidden.submits, hidden.setup]
            text = json.dumps([self.semantics, self.told, rows], sort_keys=True, default=str)
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest
