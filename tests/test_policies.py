from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import asynccode
from asynccode.errors import PolicyError, TaskDataError
from asynccode.human import Human
from asynccode.policies import Gold, Noop, Replay, Scripted
from asynccode.records import Action, Skip, Step, StopReason, Submit, Task, Turn
from asynccode.testing.fakes import FakeBackend, FakeSuite

pytestmark = pytest.mark.anyio

TASK = Task(id="t0", query="Say it.", gold=("a", "b"))


def turn(played: int = 0, *, task: Task = TASK, attempt: int = 0, observation: str = "") -> Turn:
    steps = [Step(action="x", observation="") for _ in range(played)]
    return Turn(task=task, attempt=attempt, observation=observation, steps=steps)


async def test_gold_plays_the_gold_and_submits() -> None:
    assert [await Gold().act(turn(n)) for n in range(3)] == ["a", "b", Submit()]
    with pytest.raises(PolicyError, match="'t7' has no gold"):
        await Gold().act(turn(task=Task(id="t7", query="?")))


async def test_noop_submits_at_once() -> None:
    assert await Noop().act(turn()) == Submit()


async def test_scripted_plays_its_script() -> None:
    policy = Scripted("ls", Skip())
    assert [await policy.act(turn(n)) for n in range(3)] == ["ls", Skip(), Submit()]


async def test_replay_plays_what_was_recorded() -> None:
    policy = Replay({("t0", 0): ["x", "y"], ("t0", 1): ["z"]}, "rec.json")
    assert [await policy.act(turn(n)) for n in range(3)] == ["x", "y", Submit()]
    assert await policy.act(turn(attempt=1)) == "z"
    assert await policy.act(turn(attempt=9)) == "x"
    with pytest.raises(PolicyError, match=r"rec.json holds no actions for task 'other'"):
        await policy.act(turn(task=Task(id="other", query="?")))


@pytest.mark.parametrize("name", ["", "episodes.jsonl"])
async def test_a_run_folder_replays_to_the_same_episodes(tmp_path: Path, name: str) -> None:
    """What is typed as a submission in one run is one in its replay; `submit` as code is code."""

    class Varied(asynccode.Policy):
        async def act(self, turn: Turn) -> Action:
            number = int(turn.task.id[1:])
            scripts: list[list[Action]] = [
                ["echo 0", Submit()],
                [Submit(answer="1")],
                [Skip()],
                ["echo 3", "submit", "skip", "echo 3"],
                ["echo x"] * 9,
            ]
            script = scripts[number]
            return script[len(turn.steps)] if len(turn.steps) < len(script) else Submit()

    async def play(policy: asynccode.Policy) -> dict[str, asynccode.Episode]:
        async with asynccode.rollout(
            FakeSuite(5), policy, backend=FakeBackend(), max_turns=6
        ) as run:
            return {e.task_id: e async for e in run}

    from asynccode.lines import dump_line, episode_record

    first = await play(Varied())
    lines = [dump_line(episode_record(e)) for e in first.values()]
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "episodes.jsonl").write_bytes(b"".join(lines))
    second = await play(Replay.load(str(tmp_path / name)))
    for task, episode in first.items():
        again = second[task]
        assert [s.action for s in again.steps] == [s.action for s in episode.steps]
        assert [s.observation for s in again.steps] == [s.observation for s in episode.steps]
        assert (again.reward, again.stop_reason) == (episode.reward, episode.stop_reason)
    assert {e.stop_reason for e in first.values()} == {
        StopReason.SUBMITTED,
        StopReason.SKIPPED,
        StopReason.MAX_TURNS,
    }


async def test_recordings_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match="There is no recording"):
        Replay.load(str(tmp_path / "nothing.json"))
    with pytest.raises(TaskDataError, match=r"Cannot read"):
        Replay.load(str(tmp_path))
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps([1, 2]))
    with pytest.raises(TaskDataError):
        Replay.load(str(bad))


class Typing:
    """Standard input from a string, as a pipe gives it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        ("ls -l\n", "ls -l"),
        ("  ls\n", "  ls"),
        ("\n\nls\n", "ls"),
        ("echo a \\\n  b\n", "echo a \\\n  b"),
        ("submit\n", Submit()),
        (" submit  42 \n", Submit(answer="42")),
        ("submitter\n", "submitter"),
        ("skip\n", Skip()),
        (":quit\n", Skip()),
        ("", Submit()),
        ("last line without an end", "last line without an end"),
    ],
)
async def test_a_person_types(monkeypatch: pytest.MonkeyPatch, typed: str, action: Action) -> None:
    Typing(monkeypatch, typed)
    assert await Human().act(turn()) == action


async def test_a_person_is_shown_things_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Typing(monkeypatch, ":help\n:query\nls\n")
    assert await Human().act(turn(observation="what was seen")) == "ls"
    out, err = capsys.readouterr()
    assert out == ""
    assert "what was seen" in err
    assert "submit [ANSWER]" in err
    assert "Say it." in err
