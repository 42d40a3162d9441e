"""What an agent is told of the tests, where it is told anything: six levels."""

from __future__ import annotations

from enum import StrEnum

from asynccode.tasks.python.verifier import Report

OF_ALL = 20
"""Tests that `everything` says something of."""


class Told(StrEnum):
    """How much the words on a score give away; each level tells more than the one before."""

    NOTHING = "nothing"
    VERDICT = "verdict"
    """Whether all tests passed."""
    COUNT = "count"
    """How many passed, of how many."""
    FIRST = "first"
    """And the first test that failed."""
    TRACEBACK = "traceback"
    """And what went wrong in it."""
    EVERYTHING = "everything"
    """And all other tests that failed, with what went wrong in each."""


def words(level: Told, report: Report) -> str:
    """Put a report into words."""
    failed = [verdict for verdict in report.verdicts if not verdict.passed]
    if level is Told.NOTHING:
        return ""
    if level is Told.VERDICT or not failed:
        return "Some tests failed." if failed else "All tests passed."
    lines = [f"{report.passed} of {len(report.verdicts)} tests passed."]
    if report.trouble and level in (Told.TRACEBACK, Told.EVERYTHING):
        lines.append(f"What was submitted failed by itself:\n{report.trouble}")
    shown = {Told.COUNT: 0, Told.EVERYTHING: OF_ALL}.get(level, 1)
    for verdict in failed[:shown]:
        lines.append(f"Failed: {verdict.test.text}")
        if level is not Told.FIRST and verdict.why and verdict.why != report.trouble:
            lines.append(verdict.why)
    return "\n".join(lines)
