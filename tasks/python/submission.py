"""What an agent hands in: the code of its steps, or files of its sandbox."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from attrs import define, field, frozen

from asynccode.outcomes import ExecResult, Outcome
from asynccode.tasks.python.parsing import parse

RAN = (Outcome.OK, Outcome.NONZERO)


@frozen(kw_only=True)
class Submission:
    """All that the verifier is given of an agent's work."""

    code: tuple[str, ...] = ()
    """Steps, to be run in this order in one interpreter."""
    name: str | None = None
    """What was named in the submission: a function or a class of the steps."""
    files: Mapping[str, bytes] = field(factory=dict)
    """Content by path."""


@define(eq=False)
class Notebook:
    """The steps whose effect is in the agent's interpreter now.

    With `keep=False` each step has an interpreter of its own; then the last step that defines
    the name is all that is handed in.
    """

    keep: bool = True
    steps: list[str] = field(factory=list)

    def note(self, code: str, result: ExecResult) -> None:
        """Take note of a step that was run."""
        if result.restarted and self.keep:
            self.steps.clear()  # whatever it held is lost
        elif result.outcome in RAN:
            self.steps.append(code)

    def submission(self, name: str | None, expected: str) -> Submission:
        """Give what is handed in under a name.

        Without one it is the name that the tests use, if a step defines it, or else the last
        function or class that was defined.
        """
        defined = [definitions(step) for step in self.steps]
        if not name:
            names = [found for step in defined for found in step]
            name = expected if expected in names or not names else names[-1]
        if self.keep:
            return Submission(code=tuple(self.steps), name=name)
        last = [step for step, names in zip(self.steps, defined, strict=True) if name in names]
        return Submission(code=tuple(last[-1:]), name=name)


def definitions(code: str) -> Sequence[str]:
    """Give the names of functions and classes that a step defines, in order."""
    try:
        tree = parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, kinds)]
