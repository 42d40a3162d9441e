from __future__ import annotations

import io
import sys

import anyio
import pytest
from rich.console import Console

import asynccode
from asynccode import progress as progress_module
from asynccode.episode import Running
from asynccode.policies import Gold
from asynccode.progress import line, picture, progress
from asynccode.statistics import Statistics, Tally
from asynccode.testing.fakes import FakeBackend, FakeSuite, Faults


def going() -> Statistics:
    statistics = Statistics(total=12)
    statistics.finished = Tally(episodes=3, solved=2, scored=3, reward_sum=2.5, steps=9)
    statistics.finished.stop_reasons.update({"submitted": 2, "harness_error": 1})
    statistics.finished.outcomes.update({"ok": 7, "timeout": 2})
    statistics.begin(Running(task_id="old[red]", attempt=1))
    statistics.begin(Running(task_id="new", attempt=0))
    return statistics


def test_a_plain_line_says_it_all() -> None:
    text = line(going())
    assert "3/12 episodes, 2 solved, 1 harness errors, 2 running" in text
    assert "oldest old[red] #1 0 s" in text
    assert "0/5 episodes" in line(Statistics(total=5))


@pytest.mark.parametrize("statistics", [going(), Statistics(total=0)])
def test_the_picture_can_be_drawn(statistics: Statistics) -> None:
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True).print(picture(statistics))
    if statistics.total:
        for part in ("3/12", "2 solved", "submitted 2", "timeout 2", "old[red] #1", "new #0"):
            assert part in out.getvalue()


def test_a_summary_leaves_out_what_was_not_judged() -> None:
    summary = going().summary()
    assert summary["success_rate"] == 1.0
    assert summary["mean_reward"] == pytest.approx(2.5 / 3)
    assert summary["mean_turns"] == 3
    assert summary["peak_concurrency"] == 2
    empty = Statistics(total=0).summary()
    assert empty["success_rate"] is None
    assert empty["mean_reward"] is None


@pytest.mark.anyio
async def test_lines_come_on_a_timer_on_standard_error_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0.02)
    backend = FakeBackend(Faults(slow={"run": 0.1}))
    async with (
        asynccode.rollout(FakeSuite(100), Gold(), backend=backend) as run,
        progress(run.statistics),
    ):
        async for _ in run:
            pass
    out, err = capsys.readouterr()
    assert out == ""
    assert 1 <= len(err.splitlines()) <= 50
    assert "/100 episodes" in err


@pytest.mark.anyio
async def test_a_terminal_is_drawn_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "DRAW_SECONDS", 0.02)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    statistics = going()
    async with progress(statistics):
        await anyio.sleep(0.1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/12" in err
