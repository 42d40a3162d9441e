"""The suite `ctf`: its shape, its flags, its loader."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest
from attrs import evolve

from asynccode.errors import InputError
from asynccode.registry import load_suite
from asynccode.tasks.ctf.challenge import DATA
from asynccode.tasks.ctf.challenges import CHALLENGES
from asynccode.tasks.ctf.flags import disguises, make_flag
from asynccode.tasks.ctf.suite import CtfSuite, load

SUITE = load("ctf")


def test_the_registry_knows_the_suite_and_hands_it_seed_and_guesses() -> None:
    suite = load_suite("ctf", seed=7, guesses=2)
    assert isinstance(suite, CtfSuite)
    assert (suite.name, suite.seed, suite.guesses) == ("ctf", 7, 2)


def test_a_suite_that_limits_no_guesses_says_so() -> None:
    with pytest.raises(InputError, match="'bash' limits no guesses: leave out --guesses"):
        load_suite("bash", guesses=2)


@pytest.mark.parametrize("option", [{"compat": "intercode"}, {"data": DATA}])
def test_what_the_suite_has_not_is_refused_with_the_remedy(option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="leave out --"):
        load("ctf", **option)


def test_there_are_many_challenges_over_the_originals_categories() -> None:
    counts = Counter(task.metadata["category"] for task in SUITE.tasks)
    assert set(counts) == {"general", "reversing", "crypto", "forensics", "binary", "web"}
    assert min(counts.values()) >= 5
    levels = Counter(task.metadata["difficulty"] for task in SUITE.tasks)
    assert set(levels) == {"easy", "medium", "hard"}
    assert min(levels.values()) >= 6


def test_names_are_unique_and_every_program_of_the_data_is_used() -> None:
    assert len({task.id for task in SUITE.tasks}) == len(SUITE.tasks)
    used = "".join(
        str(part)
        for challenge in CHALLENGES
        for part in (
            *challenge.gold,
            *vars_of(challenge.build("flag{x_0123456789ab}", random.Random(0))),
        )
    )
    for file in DATA.glob("*/*.py"):
        assert file.read_text()[:60] in used, file


def vars_of(scene: Any) -> list[str]:
    files = [data.decode("utf-8", "replace") for data in scene.files.values()]
    return [*files, scene.service or ""]


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda task: str(task.id))
def test_a_task_says_what_it_wants_and_where_it_comes_from(task: Any) -> None:
    assert len(task.query) > 95
    assert task.query.endswith("hand it in with: submit FLAG")
    assert len(task.metadata["provenance"]) > 20
    assert task.metadata["flag"] == "seeded"


def test_each_attempt_has_a_flag_of_its_own_which_can_be_made_again() -> None:
    task = SUITE.tasks[0]
    flags = [SUITE.flag(SUITE.variant(task, attempt)) for attempt in range(20)]
    assert len(set(flags)) == 20
    assert all(re.fullmatch(r"flag\{house_of_cards_[0-9a-f]{12}\}", flag) for flag in flags)
    assert flags[0] == SUITE.flag(task)
    again, other = load("ctf"), load("ctf", seed=1)
    assert again.flag(again.variant(task, 3)) == flags[3]
    assert other.flag(other.variant(task, 3)) not in flags


def test_a_scene_is_the_same_for_the_same_attempt_and_another_for_any_other() -> None:
    for task in SUITE.tasks:
        first, second = SUITE.variant(task, 0), SUITE.variant(task, 1)
        assert SUITE.scene(first) == SUITE.scene(first)
        assert SUITE.scene(first) != SUITE.scene(second)


def test_no_scene_shows_its_flag_in_any_encoding() -> None:
    for task in SUITE.tasks:
        for attempt in range(4):
            variant = SUITE.variant(task, attempt)
            scene = SUITE.scene(variant)
            shown = [*scene.files.values(), *(name.encode() for name in scene.files)]
            shown += [*(line.encode() for line in scene.setup), task.query.encode()]
            for how, text in disguises(SUITE.flag(variant)).items():
                assert not any(text.encode() in data for data in shown), (task.id, how)


def test_disguises_find_a_flag_wherever_its_base64_begins() -> None:
    import base64

    flag = make_flag(0, "a-test", 0)
    for before in ("", "x", "xy", "xyz"):
        for after in ("", "!", "!!"):
            packed = base64.b64encode(f"{before}{flag}{after}".encode()).decode()
            names = [n for n, text in disguises(flag).items() if text in packed]
            assert [name for name in names if name.startswith("base64")], (before, after)


def test_the_digest_covers_tasks_scenes_and_rules_and_not_the_seed() -> None:
    digest = SUITE.digest
    assert load("ctf").digest == load("ctf", seed=5).digest == digest
    assert load("ctf", guesses=4).digest != digest
    assert load("ctf", base="/srv/debian").digest != digest
    assert CtfSuite(CHALLENGES[1:]).digest != digest
    changed = evolve(CHALLENGES[0], query="Another question.")
    assert CtfSuite((changed, *CHALLENGES[1:])).digest != digest
    rebuilt = evolve(CHALLENGES[0], build=CHALLENGES[1].build)
    assert CtfSuite((rebuilt, *CHALLENGES[1:])).digest != digest


def test_the_data_is_small() -> None:
    assert sum(file.stat().st_size for file in DATA.rglob("*.py")) < 60_000
