"""Reading the original's result files, of every environment and strategy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asynccode.tasks.intercode.recorded import Recording, model_of, suite_of
from asynccode.tasks.intercode.recordings import read_recording, recorded_actions

RETRY = "No SQL code was found in your last response.\n\nYour response should be"


def read(folder: Path, name: str, content: Any) -> Recording:
    (folder / name).write_text(json.dumps(content))
    return read_recording(folder / name)


def sql(**changed: Any) -> dict[str, Any]:
    made = {
        "environment": "ic_sql",
        "dataset": "./data/spider/dev_spider.json",
        "task_id": 7,
        "query": "How many?",
        "hardness": "extra",
        "turn_history": {
            "actions": ["SHOW TABLES", "Which table?", "SELECT 1"],
            "observations": ["[('a',)]", RETRY, "[(1,)]"],
            "rewards": [0, 0, 1.0],
            "valid_action": [True, True, True],
        },
        "summary": {"max_reward": 1.0, "max_reward_idx": 2, "turns_taken": 3, "turns_max": 10},
    }
    return {**made, **changed}


def test_an_answer_without_sql_never_reached_the_database(tmp_path: Path) -> None:
    recording = read(tmp_path, "ic_sql_multiturn_gpt-4_10_turns_handicap.json", {"7": sql()})
    (episode,) = recording.episodes
    assert [turn.code for turn in episode.turns] == ["SHOW TABLES", None, "SELECT 1"]
    assert (episode.reward, episode.turns_taken, episode.hardness) == (1.0, 3, "extra")
    assert (recording.suite, recording.model) == ("intercode/spider", "gpt-4")
    assert (recording.strategy, recording.schema, recording.max_turns) == ("try-again", True, 10)


def test_with_one_turn_it_is_single_turn(tmp_path: Path) -> None:
    summary = {"max_reward": 0, "turns_taken": 1, "turns_max": 1}
    recording = read(tmp_path, "ic_sql_multiturn_gpt-3.5-1_turns.json", {"7": sql(summary=summary)})
    assert (recording.strategy, recording.model) == ("single-turn", "gpt-3.5")


def test_react_has_thoughts_and_a_reward_at_the_end(tmp_path: Path) -> None:
    history = {
        "thoughts": ["look", "ask", "EXCEEDED MAX TURNS: submit"],
        "actions": ["execute[SELECT 1; SELECT 2]", "Which?", "submit"],
        "observations": ["[(1,)]", "Error executing query: ...", "[(1,)]"],
        "rewards": [0, 0, 1],
        "valid_action": [True, True, True],
    }
    summary = {"max_reward": 1, "turns_taken": 2, "turns_max": 2}
    recording = read(
        tmp_path, "ic_sql_react_2_turns.json", {"7": sql(turn_history=history, summary=summary)}
    )
    (episode,) = recording.episodes
    assert [turn.code for turn in episode.turns] == ["SELECT 1", None, "submit"]
    assert episode.turns[0].thought == "look"
    assert (episode.reward, episode.turns_taken, episode.cut) == (1.0, 2, True)
    assert (recording.strategy, recording.model) == ("react", "gpt-3.5")


@pytest.mark.parametrize(
    ("meta", "strategy"),
    [
        ({"refine": False, "refine_turns": None}, "plan-and-solve"),
        ({"refine": True, "refine_turns": 3}, "plan-and-solve+refine-3"),
    ],
)
def test_a_plan_has_steps_and_may_be_refined(
    tmp_path: Path, meta: dict[str, Any], strategy: str
) -> None:
    episode = sql(summary={"max_reward": 1.0, "max_reward_idx": 2})
    episode["turn_history"]["steps"] = ["Look.", "Ask."]
    content = {"meta": {"env": "sql", **meta}, "logs": {"7": episode}}
    recording = read(tmp_path, "ic_sql_plan_solve.json", content)
    assert recording.strategy == strategy
    (read_back,) = recording.episodes
    assert [turn.thought for turn in read_back.turns] == ["Look.", "Ask.", None]
    assert (read_back.reward, read_back.turns_taken) == (1.0, 3)


def test_what_a_person_did_is_scored_once_at_the_end(tmp_path: Path) -> None:
    trajectory = [
        {"action": "show tables;", "observation": "('a',)('b',)"},
        {"action": "select 1;", "observation": "(1,)"},
    ]
    episode = {"environment": "ic_sql", "query_idx": 9, "reward": 1.0, "trajectory": trajectory}
    recording = read(tmp_path, "ic_sql_multiturn_human_10_turns.json", {"9": episode})
    (read_back,) = recording.episodes
    assert [turn.reward for turn in read_back.turns] == [None, 1.0]
    assert (read_back.task_id, read_back.reward, read_back.turns_taken) == ("9", 1.0, 2)
    assert (recording.suite, recording.strategy) == ("intercode/spider", "human")
    assert recorded_actions(tmp_path / "ic_sql_multiturn_human_10_turns.json") == {
        "9": ("show tables;", "select 1;")
    }


def test_old_ctf_files_put_a_word_before_commands(tmp_path: Path) -> None:
    history = {"actions": ["cmd ls", "submit f"], "observations": ["a", "f"], "rewards": [0, 1]}
    episode = {"environment": "ic_ctf", "dataset": "./data/ctf/ctf_test.json"}
    recording = read(
        tmp_path, "ic_ctf_gpt-4_25_turns.json", {"0": {**episode, "turn_history": history}}
    )
    (read_back,) = recording.episodes
    assert [turn.code for turn in read_back.turns] == ["ls", "submit f"]
    assert [turn.valid for turn in read_back.turns] == [None, None]  # nobody wrote it down
    assert (recording.suite, recording.model) == ("intercode/ctf", "gpt-4")


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("results/bash/text-bison-001/ic_bash_react_10_turns_fs_1.json", "text-bison-001"),
        ("ic_bash_multiturn_chat-bison-001_10_turns_fs_2.json", "chat-bison-001"),
        ("ic_bash_plan_solve_refine_3_turns.json", "gpt-3.5"),
        ("mine.json", None),
    ],
)
def test_the_model_is_in_the_name(path: str, model: str | None) -> None:
    assert model_of(Path(path)) == model


@pytest.mark.parametrize(
    ("datasets", "environment", "file", "suite"),
    [
        (["./data/nl2bash/nl2bash_fs_3.json"], "ic_bash", "x.json", "intercode/nl2bash-3"),
        (["./data/sql/wikisql/ic_wikisql_dev.json"], "ic_sql", "x.json", "intercode/wikisql"),
        (["./data/python/mbpp/ic_mbpp.json"], "ic_python", "x.json", "intercode/mbpp"),
        ([""], "ic_ctf", "x.json", "intercode/ctf"),
        ([""], "ic_bash", "ic_bash_react_10_turns_fs_4.json", "intercode/nl2bash-4"),
        (["nl2bash_fs_3.json", "nl2bash_fs_2.json"], "ic_bash", "x.json", None),
        (["./data/mine.json"], "ic_mine", "x.json", None),
    ],
)
def test_the_suite_is_in_the_file_or_in_its_name(
    datasets: list[str], environment: str, file: str, suite: str | None
) -> None:
    assert suite_of(datasets, [environment], file) == suite


@pytest.mark.data
def test_every_recording_of_the_original_is_read(intercode_data: Path) -> None:
    found = {}
    for path in sorted((intercode_data / "results").glob("*/*.json")):
        recording = read_recording(path)
        assert recording.suite is not None
        assert recording.model is not None
        solved = sum(episode.reward == 1 for episode in recording.episodes)
        found[path.name] = (recording.strategy, len(recording.episodes), solved)
    assert found["ic_bash_plan_solve_fs_3.json"] == ("plan-and-solve", 60, 26)
    assert found["ic_bash_react_10_turns_fs_3.json"] == ("react", 60, 18)
    assert found["ic_ctf_gpt-4_25_turns.json"] == ("try-again", 4, 3)
    assert found["ic_python_multiturn_gpt-3.5_7_turns.json"] == ("try-again", 117, 69)
    assert found["ic_sql_multiturn_human_10_turns.json"] == ("human", 15, 13)
    assert found["ic_sql_react_10_turns.json"] == ("react", 1034, 607)
