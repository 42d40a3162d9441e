"""What goes over a Python session's channel: found wherever it is cut, and never mistaken."""

from __future__ import annotations

import pytest

from asynccode.python.framing import TAIL, Catch, parse, request

TOKEN = b"0123456789abcdef" * 2
REPLY = b"\0" + TOKEN + b" done 0 7 0\n"


def test_a_request_says_how_many_bytes_of_code_follow() -> None:
    framed = request("'é'", TOKEN, split=True, keep=False)
    assert framed == b"00000004sf" + "'é'".encode() + TOKEN


@pytest.mark.parametrize("size", [1, 2, 33, 34, 50, 1000])
def test_a_reply_is_found_wherever_it_is_cut(size: int) -> None:
    catch = Catch(TOKEN, 1000)
    data = b"out\0put" * 9 + REPLY + b"later"
    assert any(catch.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert catch.output == b"out\0put" * 9
    assert parse(catch.last) == ("done", 0, 7, 0)
    assert b"later".startswith(catch.rest)


def test_a_reply_that_has_begun_is_no_output() -> None:
    for size in range(1, len(REPLY)):
        catch = Catch(TOKEN, 1000)
        assert not catch.feed(b"a\0b" + REPLY[:size])
        assert catch.output == b"a\0b"


def test_output_up_to_the_limit_is_kept_and_only_more_is_too_much() -> None:
    catch = Catch(TOKEN, 10)
    assert catch.feed(b"x" * 10 + REPLY)
    assert not catch.full
    assert catch.output == b"x" * 10
    catch = Catch(TOKEN, 10)
    assert catch.feed(b"x" * 11 + REPLY)
    assert catch.full
    assert catch.output == b"x" * 10


def test_endless_output_takes_no_memory_and_hides_no_reply() -> None:
    catch = Catch(TOKEN, 10)
    for _ in range(1000):
        assert not catch.feed(b"y" * 1000)
    assert catch.full
    assert len(catch._data) < 2000 + TAIL
    assert catch.feed(REPLY)
    assert catch.output == b"y" * 10


@pytest.mark.parametrize(
    "last", [None, b"", b" done", b" done x 1 0", b" gone 1 2", b" well 0 1 0", b" done 0 1 0 0"]
)
def test_what_is_no_reply_is_none(last: bytes | None) -> None:
    assert parse(last) is None
