"""Our own rewards: comparers, state score, and how both become a reward."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from attrs import evolve

from asynccode.errors import InputError
from asynccode.outcomes import Change, ChangeKind
from asynccode.tasks.intercode.similarity import tfidf_cosine
from asynccode.tasks.rewards import (
    COMPARERS,
    Effect,
    comparer,
    relevant,
    score,
    state_score,
)

WORDS = ["tide", "buoy", "12", "0.5", "-3e4", "a b", "", " ", "x\t", "é", "12.50", "\n", "\r\n"]


def texts(count: int) -> Iterator[str]:
    choose = random.Random(4)
    for _ in range(count):
        yield choose.choice(["", "\n", " "]).join(
            choose.choice(WORDS) for _ in range(choose.randint(0, 8))
        )


PAIRS = list(zip(texts(400), reversed(list(texts(400))), strict=True))


def change(path: str = "/work/a", **fields: object) -> Change:
    known = {"kind": ChangeKind.ADDED, "type": "file", "mode": 0o644, "size": 1, "sha256": "aa"}
    return Change(path=path.encode(), **{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", COMPARERS)
def test_equal_texts_are_worth_one(name: str) -> None:
    assert all(COMPARERS[name](text, text) == 1.0 for text in texts(300))


@pytest.mark.parametrize("name", COMPARERS)
def test_every_score_lies_between_zero_and_one_and_is_symmetric(name: str) -> None:
    for ours, theirs in PAIRS:
        value = COMPARERS[name](ours, theirs)
        assert 0.0 <= value <= 1.0
        assert value == pytest.approx(COMPARERS[name](theirs, ours))


@pytest.mark.parametrize("name", sorted(set(COMPARERS) - {"none"}))
def test_no_answer_is_worth_nothing_where_there_is_one(name: str) -> None:
    assert all(COMPARERS[name]("", text) == 0.0 for text in texts(300) if text.strip())


def test_whatever_is_exactly_equal_is_equal_once_normalised_and_so_on() -> None:
    for ours, theirs in PAIRS:
        exact, normalised, lines = (
            COMPARERS[name](ours, theirs) for name in ("exact", "normalised", "lines")
        )
        assert exact <= normalised <= lines


def test_exact_minds_every_byte() -> None:
    assert comparer("exact")("a\n", "a") == 0.0


@pytest.mark.parametrize("answer", ["a\nb", "a \nb\t\n", "a\r\nb\n\n\n"])
def test_normalised_forgives_white_space_at_ends(answer: str) -> None:
    assert comparer("normalised")(answer, "a\nb\n") == 1.0


@pytest.mark.parametrize("answer", ["b\na", " a\nb", "a\n\nb", "a b", "A\nb", "\na\nb"])
def test_normalised_minds_everything_else(answer: str) -> None:
    assert comparer("normalised")(answer, "a\nb\n") == 0.0


def test_lines_forgive_any_order() -> None:
    lines = [f"line {number % 7}" for number in range(20)]
    shuffled = random.Random(1).sample(lines, len(lines))
    assert comparer("lines")("\n".join(shuffled), "\n".join(lines)) == 1.0


@pytest.mark.parametrize(
    ("answer", "value"),
    [("a\nb\nc", 3 / 4), ("a\nb\nc\nd\ne", 4 / 5), ("a\na\nb\nc\nd", 4 / 5), ("x", 0), ("", 0)],
)
def test_lines_give_part_marks_and_count_how_often(answer: str, value: float) -> None:
    assert comparer("lines")(answer, "a\nb\nc\nd\n") == pytest.approx(value)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("3.1415926", "3.14159260001"),
        ("1e3", "1000.0"),
        ("mean 0.5\n", "mean .50"),
        ("007", "7"),
        ("1000000.4", "1000000"),
        ("0.0", "1e-10"),
    ],
)
def test_numeric_compares_numbers_by_value(answer: str, gold: str) -> None:
    assert comparer("numeric")(answer, gold) == 1.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("3.1416", "3.14159"),
        ("10000001", "10000000"),
        ("5 apples", "5 pears"),
        ("5", "5 5"),
        ("nan", "NaN"),
        ("1_0", "10"),
        ("inf", "1e999x"),
        ("12,5", "12.5"),
    ],
)
def test_numeric_minds_other_values_words_and_counts(answer: str, gold: str) -> None:
    assert comparer("numeric")(answer, gold) == 0.0


def test_tfidf_is_the_papers_and_exactly_one_for_the_same_words() -> None:
    assert comparer("tfidf")("ab cd ef", "ef ab cd") == 1.0
    ours, theirs = "two boats one buoy", "one boat and two buoys"
    assert comparer("tfidf")(ours, theirs) == tfidf_cosine(ours, theirs)
    assert comparer("tfidf")("5\n", "5") == 0.0


def test_an_unknown_comparer_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no comparer 'vaguely'; choose one of exact, lines"):
        comparer("vaguely")


def some_changes(seed: int) -> frozenset[Change]:
    choose = random.Random(seed)
    return frozenset(
        change(f"/work/{choose.randint(0, 5)}", mode=choose.choice([0o644, 0o755]))
        for _ in range(choose.randint(0, 8))
    )


def test_the_state_score_is_a_jaccard_index() -> None:
    for seed in range(300):
        ours, theirs = some_changes(seed), some_changes(seed + 1)
        value = state_score(ours, theirs)
        assert 0.0 <= value <= 1.0
        assert value == state_score(theirs, ours)
        assert (value == 1.0) == (ours == theirs)


def test_nothing_changed_on_both_sides_is_right() -> None:
    assert state_score(frozenset(), frozenset()) == 1.0


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/work/b"},
        {"kind": ChangeKind.MODIFIED},
        {"type": "directory"},
        {"mode": 0o600},
        {"sha256": "bb"},
    ],
)
def test_every_trait_of_a_change_counts(other: dict[str, object]) -> None:
    same = change("/work/same")
    ours, theirs = {same, change()}, {same, change(**other)}  # type: ignore[arg-type]
    assert state_score(frozenset(ours), frozenset(theirs)) == pytest.approx(1 / 3)


def test_missing_and_surplus_changes_cost() -> None:
    four = frozenset(change(f"/work/{number}") for number in range(4))
    three = frozenset(sorted(four)[:3])
    assert state_score(three, four) == state_score(four, three) == 0.75


@pytest.mark.parametrize(
    "path", ["/tmp", "/tmp/x/y", "/var/tmp/x", "/dev/shm/x", "/root/.bash_history"]
)
def test_scratch_paper_does_not_count(path: str) -> None:
    assert relevant([change(path)]) == frozenset()


@pytest.mark.parametrize("path", ["/work/x", "/root/x", "/etc/passwd", "/work/tmp/x", "/tmpx"])
def test_every_other_path_counts(path: str) -> None:
    assert len(relevant([change(path)])) == 1


@pytest.mark.parametrize(
    ("pattern", "path", "left"),
    [
        ("*.log", "/work/a/b.log", 0),
        ("*.log", "/srv/b.log", 1),
        ("/srv/*", "/srv/a/b", 0),
        ("build/*", "/work/build/x", 0),
        ("build/*", "/work/a/build/x", 1),
        ("Build/*", "/work/build/x", 1),
    ],
)
def test_a_task_may_name_paths_that_do_not_count(pattern: str, path: str, left: int) -> None:
    assert len(relevant([change(path)], workdir="/work", ignore=[pattern])) == left


def test_a_path_that_is_not_utf_8_can_be_ignored_and_counted() -> None:
    odd = evolve(change(), path=b"/work/\xff.log")
    assert relevant([odd]) == {odd}
    assert relevant([odd], workdir="/work", ignore=["*.log"]) == frozenset()


A, B = change("/work/a"), change("/work/b")


@pytest.mark.parametrize(
    ("agent", "gold", "compare", "parts"),
    [
        # gold changes files and prints
        (("AB", "7"), ("AB", "7"), "normalised", {"state": 1, "answer": 1, "reward": 1}),
        (("A", "7"), ("AB", "7"), "normalised", {"state": 0.5, "answer": 1, "reward": 0.75}),
        (("AB", ""), ("AB", "7"), "normalised", {"state": 1, "answer": 0, "reward": 0.5}),
        (("", ""), ("AB", "7"), "normalised", {"state": 0, "answer": 0, "reward": 0}),
        # gold only changes files
        (("AB", "chatter"), ("AB", ""), "normalised", {"state": 1, "reward": 1}),
        (("AB", "chatter"), ("AB", "7"), "none", {"state": 1, "reward": 1}),
        (("A", ""), ("AB", "\n"), "normalised", {"state": 0.5, "reward": 0.5}),
        # gold only prints
        (("", "7"), ("", "7"), "normalised", {"state": 1, "answer": 1, "reward": 1}),
        (("A", "7"), ("", "7"), "normalised", {"state": 0, "answer": 1, "reward": 0}),
        (("", ""), ("", "7"), "normalised", {"state": 1, "answer": 0, "reward": 0}),
        (("", "x\ny\nz"), ("", "x\ny"), "lines", {"state": 1, "answer": 0.6667, "reward": 0.6667}),
        # gold does neither
        (("", "7"), ("", ""), "normalised", {"state": 1, "answer": 0, "reward": 0}),
        (("", ""), ("", ""), "normalised", {"state": 1, "answer": 1, "reward": 1}),
        (("A", ""), ("", "7"), "none", {"state": 0, "reward": 0}),
    ],
)
def test_the_reward_is_made_of_what_gold_does(
    agent: tuple[str, str], gold: tuple[str, str], compare: str, parts: dict[str, float]
) -> None:
    def effect(what: tuple[str, str]) -> Effect:
        return Effect(changes=tuple({"A": A, "B": B}[c] for c in what[0]), output=what[1])

    assert score(effect(agent), effect(gold), compare=compare) == parts


def test_a_reward_of_one_means_that_every_part_is_one() -> None:
    for seed in range(400):
        choose = random.Random(seed)
        agent, gold = (
            Effect(
                changes=tuple(some_changes(choose.randint(0, 9))),
                output=choose.choice(["", "1", "2"]),
            )
            for _ in range(2)
        )
        parts = dict(score(agent, gold, compare=choose.choice(list(COMPARERS))))
        reward = parts.pop("reward")
        assert (reward == 1.0) == all(part == 1.0 for part in parts.values())
        assert 0.0 <= reward <= 1.0
        assert round(reward, 4) == reward


def test_rounding_never_makes_a_one() -> None:
    gold = Effect(changes=tuple(change(f"/work/{number}") for number in range(30_000)))
    agent = Effect(changes=gold.changes[:-1])
    assert score(agent, gold) == {"state": 0.9999, "reward": 0.9999}


def test_scoring_leaves_out_what_a_task_ignores() -> None:
    agent = Effect(changes=(A, change("/work/x.log"), change("/tmp/x")))
    gold = Effect(changes=(A, change("/work/y.log")))
    assert score(agent, gold)["reward"] == pytest.approx(1 / 3, abs=1e-4)
    assert score(agent, gold, workdir="/work", ignore=["*.log"])["reward"] == 1.0
