"""LIKE and REGEXP of MySQL: what they fit, and that no pattern holds everybody up."""

from __future__ import annotations

import random
import re
from time import perf_counter

import pytest

from asynccode.mysql.functions import FUNCTIONS, strict
from asynccode.mysql.likes import folded, like

regexp = strict(FUNCTIONS["regexp_like"])


def by_expression(text: str, pattern: str) -> bool:
    """LIKE as Python's expressions would have it."""
    parts, characters = [], iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def test_like_fits_what_an_expression_would() -> None:
    dice = random.Random(7)
    for _ in range(20_000):
        text = "".join(dice.choices("AB ", k=dice.randint(0, 7)))
        pattern = "".join(dice.choices("AB%_\\%", k=dice.randint(0, 6)))
        assert like(text, pattern) == by_expression(text, pattern), (text, pattern)


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [("Zoé", "zOe", True), ("a\nb", "a_b", True), ("ab ", "ab", False), ("100%", "100\\%", True)],
)
def test_like_knows_neither_case_nor_accents(text: str, pattern: str, fits: bool) -> None:
    assert like(text, pattern) is fits


@pytest.mark.parametrize("pattern", ["%a%a%a%a%a%b", "%_a%_a%_a%_a%b", "_%" * 40 + "b"])
def test_no_like_takes_long(pattern: str) -> None:
    began = perf_counter()
    assert not like("a" * 100_000, pattern)
    assert perf_counter() - began < 2


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "a*a*a*a*a*a*b", r"(a*)\1b", "(a?){40}a{40}b", "((a*)b?)*c"]
)
def test_no_expression_takes_long(pattern: str) -> None:
    began = perf_counter()
    assert regexp("a" * 60 + "!", pattern) is None
    assert perf_counter() - began < 2


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("^[a-z]+@[a-z]+[.]com$", 1), ("ANN", 1), ("(ann|bob)?@", 1), ("x{2,3}", 0), ("[0-9]", 0)],
)
def test_expressions_of_every_day_are_searched_for(pattern: str, fits: int) -> None:
    assert regexp("ann@example.com", pattern) == fits


def test_long_texts_are_folded_and_not_kept() -> None:
    long = "é" * 10_000
    assert folded(long) == "E" * 10_000
    assert folded(long) is not folded(long)
    assert folded("é") is folded("é")
