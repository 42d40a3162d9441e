"""IC-SQL as it was: rewards, the environment, and replays of what was recorded."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from asynccode.backends.sqlite import SqliteBackend
from asynccode.records import Skip, Submit, Task
from asynccode.rows import Row
from asynccode.tasks.intercode.loader import find_data
from asynccode.tasks.intercode.recordings import (
    RecordedEpisode,
    Recording,
    read_recording,
    read_reference,
)
from asynccode.tasks.intercode.replay import replay
from asynccode.tasks.intercode.shown import shows
from asynccode.tasks.intercode.sql.formulas import formula_of
from asynccode.tasks.intercode.sql.reward import score
from asynccode.tasks.intercode.sql.suite import CompatSqlSuite
from asynccode.tasks.sql.intercode import load
from tests.mysql_world import DATABASE

pytestmark = pytest.mark.anyio


def rows(*values: Any) -> list[Row]:
    return [(value,) for value in values]


@pytest.mark.parametrize(
    ("agent", "gold", "iou", "iou_tau"),
    [
        (None, [], 0.0, 0.0),
        ([], [], 1.0, 1.0),
        ([], rows(1), 0.0, 0.0),
        (rows(1), rows(1), 1.0, 1.0),
        (rows(1), rows(1, 1, 1), 1 / 3, 1 / 3),
        (rows(1, 2), rows(2, 1), 1.0, -1.0),
        (rows(1, 2, 3), rows(1, 2, 3, 4), 0.75, 0.75),
        (rows(9, 10), rows(9, 10), 1.0, 1.0),
        (rows(1, 1), rows(1, 1), 1.0, 1.0),
        (rows(2), rows(Decimal(2)), 0.0, 0.0),
        (rows("a", "b", "a"), rows("a", "a", "b"), 1.0, -0.5),
        (rows(1, 2, 3, 4, 5, 6), rows(1, 2, 3, 4, 5, 6, 7), 6 / 7, 0.86),
    ],
)
def test_rows_are_scored_as_the_original_scores_them(
    agent: list[Row] | None, gold: list[Row], iou: float, iou_tau: float
) -> None:
    parts = score(agent, gold)
    assert [parts.iou, parts.iou_tau] == pytest.approx([iou, iou_tau])
    assert (parts.reward("iou"), parts.reward("iou_tau")) == (parts.iou, parts.iou_tau)


@pytest.mark.parametrize(
    ("model", "strategy", "schema", "source", "task", "formula"),
    [
        ("gpt-4", "try-again", False, "gpt-4_10_turns.json", "0", "iou"),
        ("chat-bison-001", "try-again", True, "x.json", "0", "iou"),
        ("gpt-3.5", "react", False, "x.json", "0", "iou"),
        ("gpt-3.5", "try-again", True, "x.json", "0", "iou"),
        ("gpt-3.5", "try-again", False, "ic_sql_multiturn_gpt-3.5_10_turns.json", "809", "iou_tau"),
        ("gpt-3.5", "try-again", False, "ic_sql_multiturn_gpt-3.5_10_turns.json", "810", "iou"),
        ("gpt-3.5", "plan-and-solve", False, "x.json", "0", "iou_tau"),
        ("starchat", "try-again", False, "x.json", "0", "iou_tau"),
        ("vicuna", "try-again", False, "x.json", "0", "iou_tau"),
    ],
)
def test_each_published_file_has_the_formula_it_was_recorded_with(
    model: str, strategy: str, schema: bool, source: str, task: str, formula: str
) -> None:
    recording = Recording(
        source=source, suite=None, episodes=[], model=model, strategy=strategy, schema=schema
    )
    assert formula_of(recording, task) == formula


def suite(*golds: str) -> CompatSqlSuite:
    task = Task(id="0", query="Which?", gold=golds, image=DATABASE)
    return CompatSqlSuite([task], name="zoo")


async def test_an_action_is_a_statement_and_rows_are_shown_as_python_shows_them() -> None:
    zoo = suite("SELECT name FROM owners ORDER BY name")
    async with SqliteBackend() as backend, zoo.environment(zoo.tasks[0], backend) as world:
        assert await world.reset() == "Which?"
        seen = await world.step("SELECT COUNT(*), AVG(id) FROM owners")
        assert (seen.observation, seen.reward, seen.terminated) == (
            "[(3, Decimal('2.0000'))]",
            0.0,
            False,
        )
        seen = await world.step("SELECT x FROM owners")
        assert seen.observation == "Error executing query: Unknown column 'x' in 'field list'"
        assert seen.info["valid"] is False
        assert (await world.step("USE zoo")).observation == "None"
        await world.step("SELECT name FROM owners ORDER BY name DESC")
        assert await world.score() is not None
        end = await world.step(Submit())
        assert (end.reward, end.terminated) == (-1.0, True)
        assert end.info["reward_parts"] == {"iou": 1.0, "iou_tau": -1.0}


async def test_gold_that_fails_pays_an_empty_answer() -> None:
    zoo = suite("SELECT nothing FROM owners")
    async with SqliteBackend() as backend, zoo.environment(zoo.tasks[0], backend) as world:
        await world.reset()
        await world.step("SELECT id FROM owners WHERE id = 99")
        assert (await world.step("submit please")).reward == 1.0
        await world.reset()
        assert (await world.step(Submit())).reward == 0.0
        await world.reset()
        assert (await world.step(Skip())).observation == "skipped"


async def test_what_an_episode_writes_is_gone_in_the_next() -> None:
    zoo = suite("SELECT id FROM owners")
    async with SqliteBackend() as backend, zoo.environment(zoo.tasks[0], backend) as world:
        await world.reset()
        assert (await world.step("DELETE FROM owners")).observation == "None"
        assert (await world.step("SELECT id FROM owners")).observation == "[]"
        await world.reset()
        assert (await world.step("SELECT id FROM owners")).observation == "[(1,), (2,), (3,)]"


@pytest.mark.parametrize(
    ("seen", "recorded", "cut", "alike"),
    [
        ("[('id', 'int', 'NO')]", "[('id', b'int', 'NO')]", False, True),
        ("[(1,), (2,)]", "(1,)(2,)", False, True),
        ("[(1,), (2,)]", "(1,)(3,)", False, False),
        (str(rows(*range(40))), str(rows(*range(25))), True, True),
        (str(rows(*range(40))), str(rows(*range(24))), True, False),
        (str(rows(*["x" * 20] * 99)), str(rows(*["x" * 20] * 99))[:350], True, True),
        ("[('x',)]", "[('y',)]", True, False),
    ],
)
def test_what_a_file_has_cut_or_written_otherwise_is_still_the_same(
    seen: str, recorded: str, cut: bool, alike: bool
) -> None:
    episode = RecordedEpisode(
        task_id="0", query=None, turns=[], cut=cut, scored_every_turn=False, formula="iou"
    )
    assert shows(seen, recorded, episode) is alike


def sampled(recording: Recording, every: int) -> Recording:
    return evolve(recording, episodes=recording.episodes[::every])


FILES = [
    ("ic_sql_multiturn_gpt-3.5_10_turns_handicap.json", "gpt-3.5_10_turns_handicap"),
    ("ic_sql_plan_solve_refine_3_turns.json", "gpt-3.5_plan_solve_refine_3_turns"),
]


@pytest.mark.data
@pytest.mark.parametrize(("recorded", "reference"), FILES)
async def test_a_replay_of_every_tenth_episode_agrees_with_the_reference(
    recorded: str, reference: str
) -> None:
    folder = find_data(None)
    results: Path = folder / "results/sql"
    spider = load("intercode/spider", data=folder, compat="intercode")
    assert isinstance(spider, CompatSqlSuite)
    async with SqliteBackend() as backend:
        found = await replay(
            sampled(read_recording(results / recorded), 10),
            spider,
            backend,
            reference=read_reference(folder / f"reference/sql_{reference}.json"),
        )
    assert found["harness_errors"] == 0, found["errors"]
    assert found["same_reward_stable"] >= 0.99, json.dumps(found["differences"], indent=1)
    assert found["same_observation"] >= 0.95
    assert found["same_max_reward"] >= 0.98
