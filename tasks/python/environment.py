"""One Python task in one world, and the tests in another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asynccode.errors import InputError
from asynccode.interfaces import Environment, Sandbox, Session, Worlds, sandbox_of
from asynccode.python import open_python
from asynccode.records import Action, Brief, Skip, StepResult, Submit, Task
from asynccode.tasks.bash import observe, step_info
from asynccode.tasks.closing import close
from asynccode.tasks.python.submission import Notebook, Submission
from asynccode.tasks.python.told import words
from asynccode.tasks.python.verifier import Report, verify

if TYPE_CHECKING:
    from asynccode.tasks.python.suite import PythonSuite

_SUBMIT = re.compile(r"\s*submit(?:\s+(?P<name>\S+))?\s*")
_LIVES = {
    "persistent": "Variables, functions and imports are kept from one action to the next.",
    "files": "Each action runs in a fresh interpreter; files are kept.",
    "per-step": "Each action runs in a fresh interpreter with the files of the beginning.",
}


class PythonEnvironment(Environment):
    """One task; its reward is the share of hidden tests that what is submitted passes.

    An action is Python code; `submit NAME`, as text or as `Submit`, hands in the function or
    class of that name, with the steps that made it. Tasks that ask for files take those. The
    tests run in a sandbox of their own (`asynccode.tasks.python.verifier`).
    """

    def __init__(self, suite: PythonSuite, task: Task, worlds: Worlds) -> None:
        self.task = task
        self._suite, self._worlds = suite, worlds
        self._hidden = suite.hidden(task)
        self._expected: Sequence[Sequence[Any]] = ()
        self._sandbox: Sandbox | None = None
        self._session: Session | None = None
        self._notebook = Notebook()

    async def reset(self) -> str:
        """Open a world with an interpreter, and give the query."""
        await self.aclose()
        # Before the agent's world is there: whoever waits for gold holds no sandbox.
        self._expected = await self._suite.expected(self.task, self._worlds)
        self._notebook = Notebook(keep=self._suite.semantics == "persistent")
        await self._open()
        return self.task.query

    async def _open(self) -> None:
        limits = self._suite.limits
        self._sandbox = sandbox_of(await self._worlds.open(self.task.image, limits))
        keep = self._suite.semantics == "persistent"
        self._session = await open_python(self._sandbox, limits, keep=keep)

    async def step(self, action: Action) -> StepResult:
        """Run code, submit or skip. Raises `InputError` before `reset` and after `aclose`."""
        if self._sandbox is None or self._session is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip):
            return StepResult("", 0.0, True, False, step_info())
        if isinstance(action, str) and (found := _SUBMIT.fullmatch(action)):
            action = Submit(answer=found["name"])
        if isinstance(action, Submit):
            return await self._score(action.answer)
        if self._suite.semantics == "per-step" and self._notebook.steps:
            await self.aclose()
            await self._open()
        result = await self._session.run(action)
        self._notebook.note(action, result)
        observation = observe(result, self._suite.limits, self._suite.semantics, "interpreter")
        return StepResult(observation, None, False, False, step_info(result))

    async def score(self) -> StepResult:
        """Score what submitting now would hand in."""
        if self._sandbox is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        return await self._score(None)

    async def _score(self, name: str | None) -> StepResult:
        report = await self._test(await self._submission(name))
        parts = {"tests": report.reward, "passed": report.passed, "of": len(report.verdicts)}
        info = step_info() | {"reward_parts": parts, "feedback": words(self._suite.told, report)}
        return StepResult("", report.reward, True, False, info)

    async def _submission(self, name: str | None) -> Submission:
        assert self._sandbox is not None
        if not self._hidden.submits:
            return self._notebook.submission(name, self._hidden.name or "")
        files = {}
        for path in self._hidden.submits:
            try:
                files[path] = await self._sandbox.read(path)
            except (OSError, InputError):
                continue  # what is not there, or is no file, is not handed in
        return Submission(files=files)

    async def _test(self, submission: Submission) -> Report:
        limits = self._suite.limits
        async with sandbox_of(await self._worlds.open(self.task.image, limits)) as sandbox:
            return await verify(
                sandbox,
                limits,
                submission,
                self._hidden.tests,
                name=self._hidden.name,
                setup=self._hidden.setup,
                expected=self._expected,
            )

    def brief(self) -> Brief:
        """Say which interpreter it is, and what a submission is."""
        if self._hidden.submits:
            handed = f"Handed in: {', '.join(self._hidden.submits)}, as the submission finds it."
        else:
            handed = "Handed in is the function or class that the submission names."
        hint = f"The tests call it {self._hidden.name}." if self._hidden.name else None
        if hint and self.task.metadata.get("show_test"):
            hint += f" The first one is: {self._hidden.tests[0].text}"
        return Brief(
            language="python",
            about=f"The actions run in a Python 3 interpreter on Linux, in the folder "
            f"{self.task.image.workdir}. {_LIVES[self._suite.semantics]} {handed} "
            "It is tested elsewhere, on its own.",
            hint=hint,
        )

    async def aclose(self) -> None:
        """Close the session and the sandbox."""
        session, sandbox = self._session, self._sandbox
        self._session = self._sandbox = None
        await close(session, sandbox)
