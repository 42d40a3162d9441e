"""What a test is: statements, and pairs of values that must be equal.

A test is written as Python: any statements, then `assert LEFT == RIGHT`, one or more. The
statements and LEFT are evaluated beside what was submitted; RIGHT is the expected value and
never goes there: it is a literal, or gold's own world says what it is. They are compared by us.
"""

from __future__ import annotations

import ast

from attrs import field, frozen

from asynccode.errors import TaskDataError
from asynccode.tasks.python import values
from asynccode.tasks.python.parsing import parse


@frozen(kw_only=True)
class Check:
    """One value that is asked for, and what it must be."""

    asked: str
    """An expression."""
    expected: str
    """An expression, most often a literal."""

    @property
    def is_literal(self) -> bool:
        """Whether what is expected can be said without running anything."""
        try:
            values.literal(self.expected)
        except ValueError:
            return False
        return True


@frozen(kw_only=True)
class Test:
    """One test: it passes if its statements run and all its checks hold."""

    __test__ = False  # not one of pytest's

    text: str
    """As it is written, for people and agents."""
    statements: str
    checks: tuple[Check, ...] = field(converter=tuple[Check, ...])


def read_test(text: str) -> Test:
    """Read a test. Raises `TaskDataError` if it is not of the form above."""
    try:
        tree = parse(text.strip())
    except (SyntaxError, ValueError) as error:
        raise TaskDataError(f"The test {text!r} is not Python: {error}.") from error
    body = list(tree.body)
    checks: list[Check] = []
    while body and isinstance(body[-1], ast.Assert):
        checks.insert(0, _check(body.pop(), text))
    if not checks:
        raise TaskDataError(f"The test {text!r} does not end in assert LEFT == RIGHT.")
    return Test(
        text=text.strip(),
        statements=ast.unparse(ast.Module(body=body, type_ignores=[])),
        checks=checks,
    )


def _check(statement: ast.stmt, text: str) -> Check:
    assert isinstance(statement, ast.Assert)
    test = statement.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return Check(asked=ast.unparse(test.left), expected=ast.unparse(test.comparators[0]))
    raise TaskDataError(f"The test {text!r} compares by something else than ==.")
