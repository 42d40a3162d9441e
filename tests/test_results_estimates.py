"""Rates, intervals and pass@k."""

from __future__ import annotations

import itertools
import random

import pytest

from asynccode.results.estimates import mean, pass_at, pass_at_k, success_rate, wilson


@pytest.mark.parametrize(
    ("solved", "n", "low", "high"),
    [  # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_literature(
    solved: int, n: int, low: float, high: float
) -> None:
    assert wilson(solved, n) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(n - solved, n)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_one_attempt_a_task_gives_wilson_over_tasks() -> None:
    made = success_rate([[True]] * 8 + [[False]] * 2)
    assert made is not None
    assert (made.value, made.n) == (0.8, 10)
    assert (made.low, made.high) == wilson(8, 10)


def test_attempts_that_always_agree_are_worth_one() -> None:
    alike = success_rate([[True] * 10] * 8 + [[False] * 10] * 2)
    single = success_rate([[True]] * 8 + [[False]] * 2)
    assert alike is not None
    assert single is not None
    assert alike.n == 100
    # The unbiased variance has n - 1: a little wider than single attempts.
    assert alike.low == pytest.approx(single.low, abs=0.02)
    assert alike.high == pytest.approx(single.high, abs=0.02)


def test_attempts_that_know_nothing_of_their_task_are_worth_almost_all() -> None:
    chance = random.Random(0)
    tasks = [[chance.random() < 0.5 for _ in range(20)] for _ in range(200)]
    made = success_rate(tasks)
    assert made is not None
    assert made.low is not None
    assert made.high is not None
    low, high = wilson(2000, 4000)
    assert made.high - made.low == pytest.approx(high - low, rel=0.15)


def test_all_solved_says_no_more_than_the_tasks_do() -> None:
    made = success_rate([[True] * 50] * 4)
    assert made is not None
    assert (made.low, made.high) == wilson(4, 4)


def test_pass_at_k_of_tasks_that_all_agree_is_no_certainty() -> None:
    made = pass_at_k([[True, True]] * 4, 2)
    assert made is not None
    assert (made.value, made.low, made.high) == (1.0, *wilson(4, 4))


def test_nothing_gives_nothing() -> None:
    assert success_rate([]) is None
    assert success_rate([[]]) is None
    assert mean([]) is None
    assert pass_at_k([[True]], 2) is None
    single = mean([3.0])
    assert single is not None
    assert (single.value, single.low) == (3.0, None)


@pytest.mark.parametrize(("k", "solved", "attempts"), [(1, 3, 10), (2, 3, 5), (4, 1, 6), (3, 5, 5)])
def test_pass_at_k_is_the_share_of_draws_with_a_success(k: int, solved: int, attempts: int) -> None:
    draws = list(itertools.combinations([True] * solved + [False] * (attempts - solved), k))
    assert pass_at(k, solved, attempts) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_1_is_the_success_rate() -> None:
    tasks = [[True, False, False, True], [False] * 4, [True] * 4]
    one, rate = pass_at_k(tasks, 1), success_rate(tasks)
    assert one is not None
    assert rate is not None
    assert one.value == pytest.approx(rate.value)
    most = pass_at_k(tasks, 4)
    assert most is not None
    assert most.value == pytest.approx(2 / 3)
