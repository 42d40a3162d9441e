"""Policies and backends of somebody else's that fail where no episode can be blamed."""

from __future__ import annotations

import asyncio
import json
from typing import Self

import pytest

from asynccode.cli import main
from asynccode.errors import Unavailable
from asynccode.interfaces import Policy
from asynccode.policies import Noop
from asynccode.records import Action, Turn
from asynccode.testing.fakes import FakeBackend, Faults

RUN = ["run", "asynccode.testing.fakes:FakeSuite", "--json"]
FAKE = ["--backend", "asynccode.testing.fakes:FakeBackend"]


class Vanishing(Policy):
    async def act(self, turn: Turn) -> Action:
        own = asyncio.current_task()
        assert own is not None
        own.cancel()
        await asyncio.sleep(1)
        raise AssertionError


class Unclosable(Noop):
    async def aclose(self) -> None:
        raise RuntimeError("the door is stuck")


class UnclosableBackend(FakeBackend):
    async def aclose(self) -> None:
        await super().aclose()
        raise RuntimeError("the door is stuck")


class Unenterable(Noop):
    async def __aenter__(self) -> Self:
        raise RuntimeError("the door is locked")


class Nowhere(FakeBackend):
    def __init__(self) -> None:
        super().__init__(Faults(fail={"prepare": 1}, error=Unavailable, text="no such kernel"))


def test_a_run_that_lost_episodes_fails_and_says_how_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*RUN, *FAKE, "--policy", f"{__name__}:Vanishing"]) == 1
    assert "has lost 10 of 10 episodes" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--policy", f"{__name__}:Unclosable", *FAKE], f"policy '{__name__}:Unclosable'"),
        (["--backend", f"{__name__}:UnclosableBackend"], f"backend '{__name__}:UnclosableBackend'"),
    ],
)
def test_what_cannot_be_closed_is_told_after_the_results(
    capsys: pytest.CaptureFixture[str], words: list[str], what: str
) -> None:
    assert main([*RUN, *words]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["episodes"] == 10
    said = f"The {what} could not be closed: RuntimeError: the door is stuck."
    assert err.splitlines()[-1] == said


def test_a_policy_that_cannot_be_closed_does_not_hide_why_the_run_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--backend", f"{__name__}:Nowhere", "--policy", f"{__name__}:Unclosable"]
    assert main([*RUN, *words]) == 2
    *_, closing, reason = capsys.readouterr().err.splitlines()
    assert "the door is stuck" in closing
    assert reason == "asynccode: prepare: no such kernel"


def test_a_policy_that_cannot_be_entered_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy = f"{__name__}:Unenterable"
    assert main([*RUN, *FAKE, "--policy", policy]) == 2
    said = f"The policy '{policy}' could not be entered: RuntimeError: the door is locked."
    assert json.loads(capsys.readouterr().out)["error"] == said
