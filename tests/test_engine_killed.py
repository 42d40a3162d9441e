"""An engine that is killed in the middle of a run: nothing is scored wrongly, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from asynccode.outcomes import Limits
from asynccode.runfolder import read_episodes
from asynccode.testing.fake_suite import FakeSuite, fake_tasks

from .conftest import REPOSITORY, unavailable
from .private_engines import PrivateEngine, can_start, private_engine

pytestmark = pytest.mark.engine
TASKS, QUICK, SLOW = 26, 6, 4


def suite(name: str, **options: Any) -> FakeSuite:
    """Make tasks of which, after the first six, one for each lane takes ten seconds."""
    tasks = list(fake_tasks(TASKS))
    tasks[QUICK : QUICK + SLOW] = fake_tasks(QUICK + SLOW, gold="sleep 10\necho {number}")[QUICK:]
    return FakeSuite(tasks, limits=Limits(step_seconds=30))


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Iterator[PrivateEngine]:
    """An engine of the test's own."""
    if missing := can_start(request.param):
        unavailable(request.param, missing)
    with private_engine(request.param, Path(mkdtemp(prefix="ac-", dir="/tmp"))) as started:
        yield started


def start(engine: PrivateEngine, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "asynccode", "run", f"{__name__}:suite", "--json"]
    command += ["--backend", engine.name, "--output", str(folder), "--concurrency", str(SLOW)]
    return subprocess.Popen(
        command,
        env=engine.environment | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded(folder: Path) -> dict[str, dict[str, Any]]:
    file = folder / "episodes.jsonl"
    return {item["task_id"]: item for item in read_episodes(folder)} if file.exists() else {}


def until_the_slow_ones_run(program: subprocess.Popen[str], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while len(recorded(folder)) < QUICK:
        assert program.poll() is None, program.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)


def test_an_engine_killed_mid_step_stops_the_run_in_one_sentence_which_then_goes_on(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    with start(engine, tmp_path) as program:
        until_the_slow_ones_run(program, tmp_path)
        engine.kill()
        _, said = program.communicate(timeout=90)
    assert program.returncode == 1
    last = said.strip().splitlines()[-1]
    assert "The run was stopped: 20 worlds in a row could not be made" in last
    assert "The engine cannot be reached" in last
    assert "Traceback" not in said
    episodes = recorded(tmp_path)
    lost = {name: item for name, item in episodes.items() if item["error"]}
    assert QUICK <= len(episodes) < TASKS
    assert len(episodes) - len(lost) == QUICK
    assert "t6" in lost, "the step that was under way is not told"
    for item in lost.values():
        assert item["stop_reason"] == "harness_error"
        assert item["reward"] is None
        assert "The engine cannot be reached" in item["error"]

    engine.start()
    with start(engine, tmp_path) as program:
        out, said = program.communicate(timeout=120)
    assert program.returncode == 0, said
    summary = json.loads(out)
    assert summary["resumed"] == QUICK
    assert (summary["episodes"], summary["solved"]) == (TASKS, TASKS)
    assert engine.containers() == []
