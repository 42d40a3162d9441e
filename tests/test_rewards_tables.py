"""Rewards for SQL: results row by row, orders by Kendall's tau, states change by change."""

from __future__ import annotations

import datetime as dt
import math
import random
from decimal import Decimal

import pytest
from scipy.stats import kendalltau

from asynccode.databases import TableState
from asynccode.tasks.rewards.rows import Matching, answer_of, compare
from asynccode.tasks.rewards.tables import changes, family, state_score
from asynccode.tasks.rewards.tau import tau_b
from asynccode.tasks.sql.ordering import is_ordered

ANY = Matching()
ORDERED = Matching(ordered=True)


def parts(agent: list[tuple[object, ...]], gold: list[tuple[object, ...]], how: Matching) -> float:
    return math.prod(compare(answer_of(agent), answer_of(gold), how).values())


@pytest.mark.parametrize("size", [2, 3, 10, 57, 400])
@pytest.mark.parametrize("values", [2, 5, 10_000])
def test_tau_is_scipy_s(size: int, values: int) -> None:
    for seed in range(10):
        source = random.Random(f"{size} {values} {seed}")
        one = [source.randrange(values) for _ in range(size)]
        two = [source.randrange(values) for _ in range(size)]
        expected = kendalltau(one, two).statistic
        found = tau_b(one, two)
        assert (math.isnan(found) and math.isnan(expected)) or found == pytest.approx(expected)


def test_tau_has_no_value_without_two_different_pairs() -> None:
    assert math.isnan(tau_b([], []))
    assert math.isnan(tau_b([1], [2]))
    assert math.isnan(tau_b(["a", "a"], ["b", "c"]))
    assert tau_b(["a", "b", "c"], ["c", "b", "a"]) == -1


def test_tau_of_many_values_takes_no_time_squared() -> None:
    size = 100_000
    assert tau_b(range(size), range(size)) == pytest.approx(1)
    assert tau_b(range(size), range(size, 0, -1)) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("agent", "reward"),
    [
        ([("a", 1), ("b", 2)], 1.0),
        ([("b", 2), ("a", 1)], 1.0),
        ([(1, "a"), (2, "b")], 1.0),
        ([("a", 1)], 0.5),
        ([("a", 1), ("b", 2), ("b", 2)], 2 / 3),
        ([("a", 1), ("b", 3)], 1 / 3),
        ([("a",), ("b",)], 0.0),
        ([], 0.0),
        ([("a", 1.0), ("b", Decimal("2.0000001"))], 1.0),
        ([("a", "1"), ("b", "2")], 0.0),
    ],
)
def test_rows_are_a_multiset(agent: list[tuple[object, ...]], reward: float) -> None:
    assert parts(agent, [("a", 1), ("b", 2)], ANY) == pytest.approx(reward)


def test_order_counts_where_it_is_asked_for() -> None:
    gold: list[tuple[object, ...]] = [(1,), (2,), (3,)]
    assert parts([(1,), (2,), (3,)], gold, ORDERED) == 1.0
    assert parts([(3,), (2,), (1,)], gold, ORDERED) == 0.0
    assert parts([(1,), (3,), (2,)], gold, ORDERED) == pytest.approx(2 / 3)
    assert parts([(3,), (2,), (1,)], gold, ANY) == 1.0


def test_columns_may_be_held_to_their_order() -> None:
    strict = Matching(any_column_order=False)
    assert parts([(1, "a")], [("a", 1)], strict) == 0.0
    assert parts([(1, "a")], [("a", 1)], ANY) == 1.0
    # Columns that look alike are told apart by the rows.
    assert parts([(1, 2), (2, 1)], [(2, 1), (1, 2)], ORDERED) == 1.0


def test_values_of_different_engines_are_the_same() -> None:
    gold: list[tuple[object, ...]] = [("2024-01-31", 0.1 + 0.2, None, b"x")]
    agent: list[tuple[object, ...]] = [(dt.date(2024, 1, 31), Decimal("0.3"), None, b"x")]
    assert parts(agent, gold, ANY) == 1.0


def test_a_tolerance_can_be_set() -> None:
    assert parts([(100.0,)], [(100.4,)], ANY) == 0.0
    assert parts([(100.0,)], [(100.4,)], Matching(tolerance=0.01)) == 1.0


def table(*rows: tuple[object, ...], columns: str = "id int, name text") -> TableState:
    pairs = [column.split() for column in columns.split(", ")]
    return TableState(columns=tuple((name, kind) for name, kind in pairs), rows=list(rows))


BEFORE = {"a": table((1, "x"), (2, "y")), "b": table((9, "z"))}


def test_an_update_is_two_changes() -> None:
    gold = changes(BEFORE, {**BEFORE, "a": table((1, "x"), (2, "w"))})
    assert gold.total() == 2
    both = changes(BEFORE, {**BEFORE, "a": table((1, "v"), (2, "w"))})
    assert state_score(both, gold) == pytest.approx(0.5)
    assert state_score(gold, gold) == 1.0
    assert state_score(changes(BEFORE, BEFORE), gold) == 0.0
    assert state_score(changes(BEFORE, BEFORE), changes(BEFORE, BEFORE)) == 1.0


def test_tables_and_columns_that_come_and_go_are_changes() -> None:
    dropped = changes(BEFORE, {"a": BEFORE["a"]})
    assert {change[:3] for change in dropped} == {
        ("b", "table", "-"), ("b", "column", "-"), ("b", "row", "-"),
    }  # fmt: skip
    renamed = {"b": table((9, "z"), columns="id int, title text")}
    assert changes({"b": BEFORE["b"]}, renamed).total() == 2


def test_a_forbidden_change_takes_everything_and_an_ignored_one_nothing() -> None:
    gold = changes(BEFORE, {**BEFORE, "a": table((1, "x"))})
    more = {"a": table((1, "x")), "b": table((9, "z"), (10, "q"))}
    assert state_score(changes(BEFORE, more), gold) == pytest.approx(0.5)
    assert state_score(changes(BEFORE, more), gold, forbidden={"b"}) == 0.0
    assert state_score(changes(BEFORE, more, ignore={"b"}), gold, forbidden={"b"}) == 1.0


def test_a_table_that_cannot_be_read_is_equal_to_nothing() -> None:
    unread = TableState(columns=(("id", "int"),), rows=None)
    gold = changes({}, {"c": TableState(columns=(("id", "int"),), rows=[])})
    assert state_score(changes({}, {"c": unread}), gold) < 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [("BIGINT", "integer"), ("varchar(9)", "text"), ("double precision", "real"), ("", "blob")],
)
def test_types_are_compared_by_family(kind: str, name: str) -> None:
    assert family(kind) == name


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order\n by a", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a) x", False),
        ("SELECT 'order by' FROM t", False),
        ("SELECT a FROM t -- ORDER BY a", False),
        ("SELECT count(*) OVER (ORDER BY a) FROM t", False),
        ("SELECT `order` by_a FROM t", False),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1 LIMIT 3", True),
    ],
)
def test_only_the_outermost_order_counts(query: str, ordered: bool) -> None:
    assert is_ordered(query) is ordered
