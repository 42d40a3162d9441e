"""Programs that read their input and write their output, in the form of APPS.

    [{"query", "gold", "input_output": {"inputs", "outputs", "fn_name"?}}]

The program is handed in as `solution.py` and run on every input, in a sandbox of its own, by the
judge of languages. Where `fn_name` is given, inputs are lists of arguments and outputs what the
function (or the method of a class `Solution`) returns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asynccode.errors import TaskDataError
from asynccode.images import Image
from asynccode.interfaces import Worlds, sandbox_of
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Task
from asynccode.tasks.languages import Case, CaseResult, Judge
from asynccode.tasks.languages import load as load_language
from asynccode.tasks.python.environment import PythonEnvironment
from asynccode.tasks.python.submission import Submission
from asynccode.tasks.python.suite import Hidden, PythonSuite
from asynccode.tasks.python.tests import Test
from asynccode.tasks.python.verifier import Report, Verdict

FILE = "solution.py"
_CALL = """

import json as _json, sys as _sys
_f = globals().get({name!r}) or getattr(Solution(), {name!r})
print(_json.dumps(_f(*_json.load(_sys.stdin)), sort_keys=True))
"""


class AppsSuite(PythonSuite):
    """Tasks of which each has pairs of input and output."""

    def __init__(
        self,
        tasks: Mapping[str, tuple[Task, Hidden]],
        cases: Mapping[str, tuple[Sequence[Case], str | None]],
        **settings: Any,
    ) -> None:
        """Take tasks, and the cases and the function's name of each; the rest as `PythonSuite`."""
        super().__init__(tasks, **settings)
        self._cases = dict(cases)

    def cases(self, task: Task) -> tuple[Sequence[Case], str | None]:
        """Give a task's pairs, and the name of the function that they call, if they do."""
        return self._cases[task.id]

    def environment(self, task: Task, worlds: Worlds) -> AppsEnvironment:
        """Give a fresh environment for `task`."""
        return AppsEnvironment(self, task, worlds)


class AppsEnvironment(PythonEnvironment):
    """One such task; its reward is the share of pairs that the program gets right."""

    def __init__(self, suite: AppsSuite, task: Task, worlds: Worlds) -> None:
        super().__init__(suite, task, worlds)
        self._cases, self._function = suite.cases(task)

    async def _test(self, submission: Submission) -> Report:
        limits = self._suite.limits
        code = submission.files.get(FILE)
        if code is None:
            why = f"There is no {FILE}."
            missing = [Verdict(test=test, passed=False, why=why) for test in self._hidden.tests]
            return Report(verdicts=missing, trouble=why)
        text = code.decode("utf-8", "surrogateescape")
        if self._function:
            text += _CALL.format(name=self._function)
        judge = Judge(language=load_language("python"), seconds=limits.step_seconds)
        async with sandbox_of(await self._worlds.open(self.task.image, limits)) as sandbox:
            verdict = await judge.judge(sandbox, text, self._cases)
        return Report(
            verdicts=[
                Verdict(test=test, passed=result.passed, why=_why(result, case))
                for test, result, case in zip(
                    self._hidden.tests, verdict.results, self._cases, strict=True
                )
            ]
        )


def _why(result: CaseResult, case: Case) -> str:
    if result.passed:
        return ""
    if result.outcome is Outcome.TIMEOUT:
        return "It took too long."
    if result.outcome is not Outcome.OK:
        return result.errors.strip()[-1000:] or f"It ended as {result.outcome}."
    return f"It wrote {result.output[:200]!r}, not {case.output[:200]!r}."


def load_apps(path: Path, name: str, base: str | None) -> AppsSuite:
    """Read a file of such tasks. Raises `TaskDataError`."""
    image = Image(base=base or "host", python="python3")
    tasks: dict[str, tuple[Task, Hidden]] = {}
    cases: dict[str, tuple[Sequence[Case], str | None]] = {}
    try:
        for index, record in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            key = str(index)
            cases[key] = _cases(record["input_output"])
            tests = [
                Test(text=f"input {case.input[:200]!r}", statements="", checks=())
                for case in cases[key][0]
            ]
            gold = f"with open({FILE!r}, 'w') as file:\n    _ = file.write({record['gold']!r})"
            task = Task(
                id=key,
                query=str(record["query"]),
                gold=(gold,),
                image=image,
                compare="none",
                metadata={"provenance": f"{path.name} #{index}", "difficulty": None},
            )
            tasks[key] = task, Hidden(tests=tests, submits=(FILE,))
    except OSError as error:
        raise TaskDataError(f"Cannot read the tasks {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TaskDataError(
            f"{path} is not a list of APPS tasks, 'query', 'gold' and 'input_output': {error!r}."
        ) from error
    return AppsSuite(tasks, cases, name=name, limits=Limits(step_seconds=10))


def _cases(raw: Any) -> tuple[Sequence[Case], str | None]:
    if isinstance(raw, str):
        raw = json.loads(raw)
    function = raw.get("fn_name")
    pairs = list(zip(raw["inputs"], raw["outputs"], strict=True))
    if not pairs:
        raise ValueError("a task has no pair of input and output")
    if function is None:
        return [Case(input=_text(given), output=_text(wanted)) for given, wanted in pairs], None
    # What a function returns lies in a list of its own.
    unwrapped = [(a, b[0] if isinstance(b, list) and len(b) == 1 else b) for a, b in pairs]
    return [
        Case(input=json.dumps(given), output=json.dumps(wanted, sort_keys=True))
        for given, wanted in unwrapped
    ], str(function)


def _text(value: Any) -> str:
    return "\n".join(map(_text, value)) if isinstance(value, list) else str(value)
