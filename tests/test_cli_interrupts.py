"""^C on the real program, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asynccode.interfaces import Policy
from asynccode.outcomes import Limits
from asynccode.records import Action, Turn
from asynccode.runfolder import read_episodes
from asynccode.testing.fakes import FakeBackend, FakeSuite, fake_tasks

QUICK_THEN_SLOW = 8


class Counting(FakeBackend):
    """Tells at its end what was still open."""

    async def aclose(self) -> None:
        print(f"left open: {len(self.sandboxes)}", file=sys.stderr)
        await super().aclose()


def suite(name: str, **options: Any) -> FakeSuite:
    """Make tasks of which the first eight are quick, and the others take half a second."""
    quick = fake_tasks(QUICK_THEN_SLOW)
    slow = fake_tasks(40, gold="sleep 0.5\necho {number}")[QUICK_THEN_SLOW:]
    return FakeSuite((*quick, *slow), limits=Limits())


def endless(name: str, **options: Any) -> FakeSuite:
    """Make tasks of which the first eight are quick, and the others never end."""
    quick = fake_tasks(QUICK_THEN_SLOW)
    hanging = fake_tasks(40, gold="hang")[QUICK_THEN_SLOW:]
    return FakeSuite((*quick, *hanging), limits=Limits(step_seconds=600))


class Quits(Policy):
    async def act(self, turn: Turn) -> Action:
        raise SystemExit(7)


class Interrupts(Policy):
    async def act(self, turn: Turn) -> Action:
        raise KeyboardInterrupt


@contextmanager
def running(folder: Path, suite_name: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "asynccode", "run", f"{__name__}:{suite_name}"]
    command += ["--backend", f"{__name__}:Counting", "--output", str(folder), "--json"]
    command += ["--concurrency", "4", *words]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and program.poll() is None:
                file = folder / "episodes.jsonl"
                if file.exists() and file.read_bytes().count(b"\n") >= QUICK_THEN_SLOW:
                    break
                time.sleep(0.02)
            yield program
        finally:
            program.kill()


def resume(folder: Path, suite_name: str = "suite") -> dict[str, Any]:
    command = [sys.executable, "-m", "asynccode", "run", f"{__name__}:{suite_name}"]
    command += ["--backend", f"{__name__}:Counting", "--output", str(folder), "--json"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert isinstance(result, dict)
    return result


def test_once_drains(tmp_path: Path) -> None:
    with running(tmp_path, "suite") as program:
        time.sleep(0.1)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=20)
    assert program.returncode == 130
    assert "Finishing the episodes that run; ^C again stops them." in err
    assert f"the same command goes on with {tmp_path}" in err
    assert "left open: 0" in err
    result = json.loads(out)
    assert result["interrupted"] is True
    kept = list(read_episodes(tmp_path))
    assert QUICK_THEN_SLOW < len(kept) < 40, "what ran was finished, the rest not begun"
    assert result["episodes"] == len(kept)
    assert all(episode["solved"] for episode in kept)
    again = resume(tmp_path)
    assert (again["episodes"], again["resumed"], again["solved"]) == (40, len(kept), 40)


def test_twice_stops(tmp_path: Path) -> None:
    with running(tmp_path, "endless") as program:
        program.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert program.poll() is None, "it drains"
        began = time.monotonic()
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert program.returncode == 130
    assert "left open: 0" in err
    assert json.loads(out)["episodes"] == QUICK_THEN_SLOW
    assert len(list(read_episodes(tmp_path))) == QUICK_THEN_SLOW


def test_a_request_to_terminate_stops_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "endless") as program:
        program.send_signal(signal.SIGTERM)
        _out, err = program.communicate(timeout=20)
    assert program.returncode == 143
    assert "left open: 0" in err
    assert len(list(read_episodes(tmp_path))) == QUICK_THEN_SLOW


def test_killed_a_run_can_be_gone_on_with(tmp_path: Path) -> None:
    with running(tmp_path, "suite") as program:
        program.kill()
        program.communicate(timeout=20)
    with (tmp_path / "episodes.jsonl").open("ab") as file:
        file.write(b'{"task_id": "t9", "att')
    again = resume(tmp_path)
    assert (again["episodes"], again["solved"]) == (40, 40)
    assert again["resumed"] >= QUICK_THEN_SLOW
    assert len(list(read_episodes(tmp_path))) == 40


def test_a_second_run_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "endless") as program:
        command = [sys.executable, "-m", "asynccode", "run", f"{__name__}:endless"]
        command += ["--backend", f"{__name__}:Counting", "--output", str(tmp_path)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=20)
    assert ran.returncode == 2
    assert "Another run is writing to" in ran.stderr


@pytest.mark.parametrize(("policy", "status"), [("Quits", 0), ("Interrupts", 130)])
def test_a_policy_that_leaves_does_not_hang_the_run(
    tmp_path: Path, policy: str, status: int
) -> None:
    with running(tmp_path, "suite", "--policy", f"{__name__}:{policy}") as program:
        out, err = program.communicate(timeout=20)
    assert program.returncode == status, err
    assert "left open: 0" in err
    assert "Traceback" not in err
    if policy == "Quits":
        result = json.loads(out)
        assert result["stop_reasons"] == {"policy_error": 40}
        assert result["errors"] == {"SystemExit: 7": 40}
    else:
        assert err.splitlines()[-1] == "asynccode: stopped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_person_who_leaves_is_let_go(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "asynccode", "play", f"{__name__}:endless"]
    command += ["--backend", f"{__name__}:Counting"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stderr is not None
        while "help" not in program.stderr.readline():
            pass
        time.sleep(0.1)
        program.send_signal(number)
        assert program.wait(timeout=10) == 128 + number
        assert "left open: 0" in program.stderr.read()
