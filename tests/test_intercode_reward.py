"""The reward of IC-Bash against scikit-learn and against the logged rewards."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asynccode.tasks.intercode.quoting import OriginalCrashError
from asynccode.tasks.intercode.reward import (
    Parts,
    Side,
    answer_part,
    file_changes,
    file_diff,
    hash_argv,
    hashed,
    parse_status,
    score,
)
from asynccode.tasks.intercode.similarity import answer_similarity, tfidf_cosine


def sklearn_similarity(a: str | None, b: str | None) -> float:
    """bash_env.py:125-133 with its own library."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        matrix = TfidfVectorizer().fit_transform([a, b])
        return float((matrix * matrix.T).toarray()[0][1])
    except (ValueError, AttributeError):
        return float(a == b)


def logged_infos(data: Path) -> Iterator[tuple[dict[str, Any], list[float]]]:
    for path in sorted((data / "results/bash").glob("*.json")):
        raw = json.loads(path.read_text())
        logs = raw.get("logs", raw)
        for episode in logs.values():
            if "answer_similarity" in (episode.get("info") or {}):
                yield episode["info"], episode["turn_history"]["rewards"]


@pytest.mark.data
def test_every_logged_answer_similarity_is_reproduced(intercode_data: Path) -> None:
    infos = [info for info, _ in logged_infos(intercode_data)]
    assert len(infos) >= 200
    for info in infos:
        ours = answer_similarity(info["agent_obs"], info["eval_obs"])
        assert math.isclose(ours, info["answer_similarity"], abs_tol=1e-12)
        assert math.isclose(
            ours, sklearn_similarity(info["agent_obs"], info["eval_obs"]), abs_tol=1e-12
        )


@pytest.mark.data
def test_every_logged_reward_is_reproduced(intercode_data: Path) -> None:
    for info, rewards in logged_infos(intercode_data):
        wrong = len(info["diff_miss"]) + len(info["diff_extra"])
        same = info.get("diff_same", {"correct": 0, "total": 0})
        parts = Parts(
            file_diff=file_diff(wrong),
            file_changes=file_changes(same["correct"], same["total"]),
            answer_similarity=answer_part(info["answer_similarity"]),
        )
        assert parts.as_dict() == info["reward"]
        assert parts.reward == rewards[-1]


@pytest.mark.data
def test_every_reference_reward_is_the_sum_of_its_parts(intercode_data: Path) -> None:
    for path in sorted((intercode_data / "reference").glob("bash_*.json")):
        for rows in json.loads(path.read_text()).values():
            for _, _, reward, _, parts, _ in rows:
                assert Parts(**parts).reward == reward


@pytest.mark.parametrize("seed", range(5))
def test_random_texts_give_what_scikit_learn_gives(seed: int) -> None:
    random_ = random.Random(seed)
    words = [
        "a",
        "be",
        "B",
        "Ünï",
        "foo_bar",
        "x-y",
        "42",
        "7",
        "/a/b.c",
        "\n",
        "\t ",
        "naïve",
        "中文",
    ]
    for _ in range(100):
        a, b = (" ".join(random_.choices(words, k=random_.randrange(8))) for _ in "ab")
        assert math.isclose(tfidf_cosine(a, b), sklearn_similarity(a, b), abs_tol=1e-12)


def test_answers_without_a_word_of_two_characters_are_compared_as_they_are() -> None:
    assert tfidf_cosine("5\n", "5") == 0.0
    assert tfidf_cosine("5", "5") == 1.0
    assert tfidf_cosine("", "") == 1.0
    assert tfidf_cosine("5", "55") == 0.0


def test_a_missing_answer_equals_only_another() -> None:
    assert answer_similarity(None, None) == 1.0
    assert answer_similarity("x", None) == 0.0


def test_full_marks_are_exactly_one() -> None:
    assert Parts(file_diff=0.33, file_changes=0.33, answer_similarity=0.33).reward == 1.0


def test_one_wrong_path_costs_nearly_all() -> None:
    assert [file_diff(wrong) for wrong in range(4)] == [0.33, 0.05, 0.0, 0.0]
    assert [file_changes(same, 2) for same in range(3)] == [0.0, 0.17, 0.33]
    assert file_changes(0, 0) == 0.33


def test_status_is_read_in_pairs_of_words() -> None:
    text = " M workspace/a.txt\n?? dir1/\nD  b\n"
    assert parse_status(text) == {("workspace/a.txt", "M"), ("dir1/", "??"), ("b", "D")}
    assert parse_status("") == frozenset()


def test_a_blank_in_a_path_shifts_the_pairs() -> None:
    text = ' D "system/folder2/special text3.txt"\n?? x\n D y\n'
    with pytest.raises(OriginalCrashError, match="IndexError"):
        parse_status(text)
    assert parse_status(text + '?? "a b"\n') == {
        ('"system/folder2/special', "D"),
        ("??", 'text3.txt"'),
        ("D", "x"),
        ("??", "y"),
        ('b"', '"a'),
    }


def test_only_new_files_are_hashed() -> None:
    changes = {("a", "??"), ("b", "A"), ("c", "C"), ("d", "M"), ("e", "D"), ("f", "AM")}
    assert [path for path, _ in hashed(changes)] == ["a", "b", "c"]


def test_a_dot_decides_how_a_path_is_hashed() -> None:
    assert hash_argv("a.txt") == ["md5sum", "a.txt"]
    assert hash_argv("dir1/") == ["md5deep", "-r", "dir1/"]
    assert hash_argv('"Icon\\r"') == ["md5deep", "-r", "Icon\\r"]
    with pytest.raises(OriginalCrashError, match="ValueError"):
        hash_argv('"a')


def test_only_common_new_paths_count_for_contents() -> None:
    agent = Side(answer="x y", changes=frozenset({("a", "??"), ("b", "??")}), hashes={"a": "1"})
    gold = Side(answer="x y", changes=frozenset({("a", "??")}), hashes={"a": "2"})
    assert score(agent, gold).as_dict() == {
        "file_diff": 0.05,
        "file_changes": 0.0,
        "answer_similarity": 0.33,
    }
