"""Reading recordings, and playing them again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import BackendError, TaskDataError
from asynccode.images import Image
from asynccode.interfaces import Sandbox
from asynccode.outcomes import Limits
from asynccode.tasks.intercode.loader import load
from asynccode.tasks.intercode.recordings import (
    CUT,
    read_recording,
    read_reference,
    recorded_actions,
)
from asynccode.tasks.intercode.replay import Played, replay
from asynccode.tasks.intercode.suite import CompatSuite
from tests.test_intercode_loader import clone

TWICE = re.compile(r"\b(00:\d\d|\d\d:00|(\d\d):\2) +\d+:\d\d\b")
"""When `ps` was started and how long it ran, just after midnight or an hour, or as many minutes
after: a word, as 00, is there twice then, which changes a reward a little, in the original too."""
DATASET = "./data/nl2bash/nl2bash_fs_2.json"


def episode(task: int, query: str, history: Mapping[str, Any]) -> dict[str, Any]:
    return {"task_id": task, "dataset": DATASET, "query": query, "turn_history": history}


def n_turn() -> dict[str, Any]:
    first = {"actions": ["cat /w/a", "blocked"], "observations": ["one two\n"], "rewards": [1.0, 0]}
    second = {
        "actions": ["cd w", "cp /w/a /w/b", "ls"],
        "observations": ["", "", "nothing like it\n"],
        "rewards": [0.72, 1.0, 0.9],
        "valid_action": [True],
    }
    return {
        "0": episode(0, "What is in a?", first),
        "1": episode(1, "Make b.", second),
    }


def react() -> dict[str, Any]:
    history = {
        "thoughts": ["a", "b", "c"],
        "actions": ["execute[cat /w/a]", "cat /w/a", "submit"],
        "observations": [
            "one two\n",
            "Error executing query: Your last `execute` action did not contain bash code",
            "one two\n",
        ],
        "rewards": [0, 0, 1.0],
    }
    return {"0": episode(0, "What is in a?", history)}


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def small(tmp_path: Path) -> CompatSuite:
    suite = load(
        "intercode/nl2bash-2", data=clone(tmp_path / "clone"), compat="intercode", base="host"
    )
    assert isinstance(suite, CompatSuite)
    return suite


def test_lists_of_different_length_are_read(tmp_path: Path) -> None:
    recording = read_recording(written(tmp_path / "r.json", n_turn()))
    assert recording.suite == "intercode/nl2bash-2"
    first = recording.episodes[0].turns
    assert [(t.code, t.observation, t.reward) for t in first] == [
        ("cat /w/a", "one two\n", 1.0),
        (None, None, 0),
    ]


def test_plan_and_solve_files_are_read(tmp_path: Path) -> None:
    raw = {"meta": {"data_path": DATASET}, "logs": n_turn()}
    del raw["logs"]["0"]["dataset"]
    recording = read_recording(written(tmp_path / "r.json", raw))
    assert (recording.suite, len(recording.episodes)) == ("intercode/nl2bash-2", 2)


def test_react_actions_are_unwrapped(tmp_path: Path) -> None:
    path = written(tmp_path / "r.json", react())
    (read,) = read_recording(path).episodes
    assert [turn.code for turn in read.turns] == ["cat /w/a", None, "submit"]
    assert not read.scored_every_turn
    assert recorded_actions(path) == {"0": ("cat /w/a", "submit")}


@pytest.mark.parametrize(
    "content", ["text", [], {}, {"0": 1}, {"0": {}}, {"0": {"turn_history": {}}}, {"logs": 3}]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(TaskDataError, match=r"r\.json"):
        read_recording(written(tmp_path / "r.json", content))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(TaskDataError, match=r"none\.json"):
        read_recording(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(TaskDataError, match="not JSON"):
        read_reference(tmp_path / "bad.json")
    with pytest.raises(TaskDataError, match="not a reference"):
        read_reference(written(tmp_path / "r.json", {"0": [["a", "b"]]}))


@pytest.mark.data
def test_every_recording_can_be_read(intercode_data: Path) -> None:
    for path in (intercode_data / "results/bash").glob("*.json"):
        recording = read_recording(path)
        assert recording.suite is not None
        assert sum(len(episode.turns) for episode in recording.episodes) > 100


@pytest.mark.anyio
@pytest.mark.nsjail
async def test_a_replay_compares_turn_by_turn(
    tmp_path: Path, nsjail_backend: NsjailBackend
) -> None:
    recording = read_recording(written(tmp_path / "r.json", n_turn()))
    ended: list[Played] = []
    figures = await replay(
        recording, small(tmp_path), nsjail_backend, progress=lambda result, _: ended.append(result)
    )
    assert len(ended) == figures["episodes"] == 2
    assert figures["turns"] == 4  # what the policy could not say is no turn
    assert figures["same_reward"] == 0.75
    assert figures["same_observation"] == 0.75
    assert figures["success_rate_recorded"] == figures["success_rate_replayed"] == 1.0
    assert figures["harness_errors"] == 0
    assert "stable_turns" not in figures
    first = figures["differences"][0]
    assert (first["task"], first["turn"], first["reward"]) == ("1", 2, [0.9, 0.67])


@pytest.mark.anyio
@pytest.mark.nsjail
async def test_a_reference_takes_the_place_of_the_record(
    tmp_path: Path, nsjail_backend: NsjailBackend
) -> None:
    recording = read_recording(written(tmp_path / "r.json", n_turn()))
    parts = {"file_diff": 0.33, "file_changes": 0.33, "answer_similarity": 0.33}
    rows = [
        ["cd w", "", 0.72, True, parts, True],
        ["cp /w/a /w/b", "", 0.5, True, parts, False],
        ["ls", "a\nb\n", 1.0, True, parts, True],
    ]
    reference = read_reference(written(tmp_path / "ref.json", {"1": rows}))
    figures = await replay(recording, small(tmp_path), nsjail_backend, reference=reference)
    assert (figures["episodes"], figures["turns"], figures["stable_turns"]) == (1, 3, 2)
    assert figures["same_reward"] == pytest.approx(1 / 3)
    assert figures["same_reward_stable"] == 0.5
    assert figures["same_observation"] == 1.0
    assert [d["stable"] for d in figures["differences"]] == [True, False]


@pytest.mark.anyio
@pytest.mark.nsjail
async def test_react_is_scored_once_and_cut(tmp_path: Path, nsjail_backend: NsjailBackend) -> None:
    raw = react()
    long = "cat /w/a; head -c 1000 /dev/zero | tr '\\0' x"
    raw["0"]["turn_history"]["actions"][0] = f"execute[{long}]"
    raw["0"]["turn_history"]["observations"][0] = ("one two\n" + "x" * 1000)[:CUT]
    raw["0"]["turn_history"]["observations"][2] = ("one two\n" + "x" * 1000)[:CUT]
    recording = read_recording(written(tmp_path / "r.json", raw))
    figures = await replay(recording, small(tmp_path), nsjail_backend)
    assert figures["same_observation"] == 1.0
    assert [d["turn"] for d in figures["differences"]] == [2]


class Breaking:
    """Worlds whose second and third sandbox cannot be opened."""

    def __init__(self, backend: NsjailBackend) -> None:
        self.backend, self.opened = backend, 0

    async def open(self, image: Image, limits: Limits) -> Sandbox:
        self.opened += 1
        if self.opened in (2, 3):
            raise BackendError("no more")
        return await self.backend.open(image, limits)


@pytest.mark.anyio
@pytest.mark.nsjail
async def test_a_broken_episode_does_not_end_the_run(
    tmp_path: Path, nsjail_backend: NsjailBackend
) -> None:
    recording = read_recording(written(tmp_path / "r.json", n_turn()))
    figures = await replay(recording, small(tmp_path), Breaking(nsjail_backend), concurrency=1)
    assert (figures["episodes"], figures["turns"], figures["harness_errors"]) == (2, 4, 1)
    (error,) = figures["errors"]
    assert error.endswith(": BackendError: no more")
    assert 0 < figures["same_reward"] < 1


def test_another_suite_or_reference_is_refused(tmp_path: Path) -> None:
    import anyio

    suite = small(tmp_path)
    raw = n_turn()
    raw["0"]["query"] = "Something else?"
    recording = read_recording(written(tmp_path / "r.json", raw))

    async def nothing(reference: Any = None) -> None:
        await replay(recording, suite, Breaking(NsjailBackend()), reference=reference)

    with pytest.raises(TaskDataError, match="was not recorded on intercode/nl2bash-2"):
        anyio.run(nothing)
    recording = read_recording(written(tmp_path / "r.json", n_turn()))
    reference = read_reference(
        written(tmp_path / "ref.json", {"0": [["other", "", 1.0, True, {}, True]]})
    )
    with pytest.raises(TaskDataError, match="other actions"):
        anyio.run(nothing, reference)


@pytest.mark.anyio
@pytest.mark.nsjail
@pytest.mark.debian
@pytest.mark.data
@pytest.mark.parametrize(
    ("number", "stable", "differing"),
    [
        (4, 172, 0),
        # Three turns see what earlier episodes left in the original's container.
        (3, 364, 3),
    ],
)
async def test_recordings_give_what_the_original_gives(
    intercode_data: Path,
    nsjail_backend: NsjailBackend,
    debian_base: str,
    anyio_backend_name: str,
    number: int,
    stable: int,
    differing: int,
) -> None:
    if anyio_backend_name == "trio":
        pytest.skip("one event loop is enough for these long ones")
    file = f"gpt-3.5_10_turns_fs_{number}.json"
    recording = read_recording(intercode_data / f"results/bash/ic_bash_multiturn_{file}")
    reference = read_reference(intercode_data / f"reference/bash_{file}")
    suite = load(
        f"intercode/nl2bash-{number}", data=intercode_data, compat="intercode", base=debian_base
    )
    assert isinstance(suite, CompatSuite)
    figures = await replay(recording, suite, nsjail_backend, reference=reference, shown=1000)
    assert figures["harness_errors"] == 0, figures["errors"]
    assert figures["stable_turns"] == stable
    wrong = [
        (row["task"], row["turn"], row["action"], row["reward"], row["observation"])
        for row in figures["differences"]
        if row["stable"] and row["reward"][0] != row["reward"][1]
        if not TWICE.search(row["observation"][1])
    ]
    assert len(wrong) <= differing, wrong
