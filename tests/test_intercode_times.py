"""How old the files of an episode are when it begins."""

from __future__ import annotations

import calendar
import time

from asynccode.tasks.intercode.world import AGE, SLOT, birth


def test_files_are_never_too_young_or_too_old() -> None:
    for now in range(1_800_000_000, 1_800_007_200, 7):
        assert AGE <= now - birth(now) <= AGE + SLOT < 3600
        assert time.gmtime(birth(now)).tm_min in (29, 59)


def test_the_hour_of_files_is_no_word_for_their_day() -> None:
    nine_in_the_evening = calendar.timegm((2026, 11, 21, 21, 0, 0))
    odd = 0
    for now in range(nine_in_the_evening - 3600, nine_in_the_evening + 3 * 3600, 60):
        told = time.gmtime(birth(now))
        assert AGE - 60 <= now - birth(now) < 3600
        odd += told.tm_mday == told.tm_hour
    assert odd <= 12  # minutes in which nothing close by would do
