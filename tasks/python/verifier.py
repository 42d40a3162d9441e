"""Runs tests against a submission, in a sandbox that holds nothing else.

The submitted code runs there, and so it can do there what it likes: end the interpreter, replace
what is built in, write whatever looks like a verdict. But no verdict is made there, and no
expected value ever comes there. All it can say is a value, which is then compared here: saying
the right value is passing the test.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from attrs import field, frozen

from asynccode.errors import TaskDataError
from asynccode.interfaces import Sandbox, Session
from asynccode.outcomes import ExecResult, Limits, Outcome
from asynccode.python import open_python
from asynccode.tasks.python import values
from asynccode.tasks.python.submission import Submission
from asynccode.tasks.python.tests import Check, Test

SHOW = files(__package__).joinpath("inside/show.py").read_text(encoding="utf-8")
PREPARE = """\
import sys
_ = {{}}
exec(compile({show!r}, "<show>", "exec"), _)
_["MARK"] = {mark!r}
sys.displayhook = _["show"]
run = _["run"]
del sys, _
"""
"""What makes an interpreter show its values in words, and gives tests `run`."""


@frozen(kw_only=True)
class Verdict:
    """What came of one test."""

    test: Test
    passed: bool
    why: str = ""
    """What was wrong, for whoever may know: a traceback, or the value that came instead."""


@frozen(kw_only=True)
class Report:
    """What came of all tests."""

    verdicts: tuple[Verdict, ...] = field(converter=tuple[Verdict, ...])
    trouble: str = ""
    """What went wrong before the first test, in the submitted code itself."""

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(verdict.passed for verdict in self.verdicts)

    @property
    def reward(self) -> float:
        """The share of tests that passed."""
        return self.passed / len(self.verdicts)


async def load(session: Session, code: Sequence[str]) -> str:
    """Run what was submitted; give what went wrong in its last part that failed."""
    trouble = ""
    for step in code:
        result = await session.run(step)
        if result.outcome is not Outcome.OK:
            trouble = _words(result)
    return trouble


async def verify(
    sandbox: Sandbox,
    limits: Limits,
    submission: Submission,
    tests: Sequence[Test],
    *,
    name: str | None,
    setup: str = "",
    expected: Sequence[Sequence[Any]],
) -> Report:
    """Run all tests, one after the other, in one interpreter of a fresh sandbox.

    `name` is what the tests call what was submitted; `setup` runs before them; `expected` are
    the values of each test's checks. Raises `BackendError` if the sandbox fails.
    """
    for path, content in submission.files.items():
        await sandbox.write(path, content)
    verdicts = []
    async with await open_python(sandbox, limits) as session:
        mark = await prepare(session)
        trouble = await load(session, submission.code)
        if name and submission.name and submission.name != name:
            if submission.name.isidentifier():
                bound = await session.run(f"{name} = {submission.name}")
                trouble = trouble if bound.outcome is Outcome.OK else _words(bound)
            else:
                trouble = f"{submission.name!r} is not the name of a function or a class."
                verdicts = [Verdict(test=test, passed=False, why=trouble) for test in tests]
                return Report(verdicts=verdicts, trouble=trouble)
        if setup:
            await session.run(setup)
        for test, wanted in zip(tests, expected, strict=True):
            verdicts.append(await _run(session, mark, test, wanted))
    return Report(verdicts=verdicts, trouble=trouble)


async def ask(session: Session, mark: str, check: Check) -> Any:
    """Give the value of a check's expectation in an interpreter (gold's own world)."""
    value, result = await _value(session, mark, check.expected)
    if result is not None:
        raise TaskDataError(f"The expected value {check.expected} is none: {_words(result)}")
    return value


async def prepare(session: Session) -> str:
    """Make an interpreter show its values; give the mark that they come after."""
    mark = secrets.token_hex(8)
    result = await session.run(PREPARE.format(show=SHOW, mark=mark))
    if result.outcome is not Outcome.OK:
        raise TaskDataError(f"The tests cannot run: {_words(result)}")
    return mark


async def _run(session: Session, mark: str, test: Test, expected: Sequence[Any]) -> Verdict:
    if test.statements:
        result = await session.run(test.statements)
        if result.outcome is not Outcome.OK:
            return Verdict(test=test, passed=False, why=_words(result))
    for check, wanted in zip(test.checks, expected, strict=True):
        value, failure = await _value(session, mark, check.asked)
        if failure is not None:
            return Verdict(test=test, passed=False, why=_words(failure))
        if not values.equal(value, wanted):
            why = f"{check.asked} is {_short(value)}, not {_short(wanted)}"
            return Verdict(test=test, passed=False, why=why)
    return Verdict(test=test, passed=True)


async def _value(session: Session, mark: str, expression: str) -> tuple[Any, ExecResult | None]:
    """Give the value of an expression, or how evaluating it failed."""
    result = await session.run(expression)
    _, found, rest = result.text.rpartition(f"\n{mark}")
    if result.outcome is not Outcome.OK or not found:
        return None, result
    return values.read(rest.partition("\n")[0]), None


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of too many digits
        return f"some {type(value).__name__} too long to show"
    return text if len(text) <= 200 else f"{text[:197]}..."


def _words(result: ExecResult) -> str:
    if result.outcome is Outcome.TIMEOUT:
        return "It took too long."
    if result.outcome not in (Outcome.OK, Outcome.NONZERO):
        return f"It ended as {result.outcome}."
    return result.text.strip() or f"It ended with exit status {result.exit_code}, and no value."
