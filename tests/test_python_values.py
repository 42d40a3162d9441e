"""Values from untrusted code are plain data here, and tests are split where trust ends."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import pytest

from asynccode.errors import TaskDataError
from asynccode.tasks.python.tests import read_test
from asynccode.tasks.python.values import Other, equal, literal, read
from asynccode.tasks.python.verifier import SHOW

INSIDE: dict[str, Any] = {}
exec(compile(SHOW, "show.py", "exec"), INSIDE)


def there_and_back(value: Any) -> Any:
    return read(json.dumps(INSIDE["words"](value)))


class Name(str):
    pass


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(10**500),
        1.5,
        float("inf"),
        -0.0,
        1 + 2j,
        "é\udc80\0",
        b"\xff",
        [1, [2, (3, "x")]],
        (),
        (1,),
        {1, "a", (2, 3)},
        frozenset({1}),
        {"a": [1], (1, 2): None, 1.5: {}},
        range(2, 9, 3),
        Counter("abca"),
        OrderedDict(a=1),
        defaultdict(list, a=[1]),
        Point(1, 2),
        Name("text"),
        {1: 2}.keys(),
    ],
)
def test_plain_data_comes_as_it_is(value: Any) -> None:
    assert equal(there_and_back(value), value)


class Liar:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class LyingList(list[int]):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None


@pytest.mark.parametrize(
    "value", [Liar(), deque([1]), iter([1]), len, type, object(), map(str, [])]
)
def test_what_is_no_plain_data_equals_nothing(value: Any) -> None:
    came = there_and_back(value)
    assert isinstance(came, Other)
    assert not equal(came, [1])
    assert not equal(came, came.name)


def test_an_equality_of_its_own_does_not_come_along() -> None:
    assert there_and_back(LyingList([1])) == [1]
    assert not equal(there_and_back(LyingList([1])), [2])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"int": "x"}', '{"set": [{"list": []}]}', '{"a": 1, "b": 2}', "[" * 9999],
)
def test_words_that_are_none_are_read_as_nothing(text: str) -> None:
    assert isinstance(read(text), Other)


def test_dates_and_fractions_are_told_apart_by_what_they_say() -> None:
    from datetime import date
    from fractions import Fraction

    assert there_and_back(Fraction(1, 2)) == there_and_back(Fraction(2, 4))
    assert there_and_back(date(2020, 1, 2)) != there_and_back(date(2020, 1, 3))


def test_a_test_is_split_into_what_runs_there_and_what_is_compared_here() -> None:
    test = read_test("s = Stack()\ns.push(1)\nassert s.pop() == 1\nassert set(s) == {2}")
    assert test.statements == "s = Stack()\ns.push(1)"
    assert [(c.asked, c.expected, c.is_literal) for c in test.checks] == [
        ("s.pop()", "1", True),
        ("set(s)", "{2}", True),
    ]
    assert not read_test("assert size(x) == sys.getsizeof(x)").checks[0].is_literal


@pytest.mark.parametrize(
    "text",
    ["x = 1", "assert f(1)", "assert f(1) < 2", "assert 1 == f(1) == 2", "assert f(", "", "f(1)"],
)
def test_a_test_that_cannot_be_split_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(TaskDataError, match="The test "):
        read_test(text)


def test_only_literals_are_literal() -> None:
    assert literal("[1, (2, {'a': -3.5})]") == [1, (2, {"a": -3.5})]
    for source in ("f()", "x", "[].append", "1 +", "__import__('os')"):
        with pytest.raises(ValueError, match=r"."):
            literal(source)
