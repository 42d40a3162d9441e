"""What goes over the control socket, without a shell at the other end."""

from __future__ import annotations

import pytest

from asynccode.errors import InputError
from asynccode.shell import framing, script
from asynccode.shell.session import program

TOKEN = "0123456789abcdef"


def test_ascii_code_travels_as_it_is() -> None:
    assert (
        framing.request("echo hi", TOKEN)
        == b'__ac_n=23;eval "$__ac_run"\n' + TOKEN.encode() + b"echo hi"
    )


def test_other_code_travels_as_ascii_so_that_its_length_is_the_same_in_every_locale() -> None:
    data = framing.request("echo 'é'\n\\", TOKEN, split=True)
    line, _, rest = data.partition(b"\n")
    assert line == f'__ac_n={len(rest)};eval "$__ac_split"'.encode()
    assert rest == TOKEN.encode() + rb"eval $'echo \'\xc3\xa9\'\n\\'"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"ready 12", ("ready", 12, "")),
        (b"exit 137", ("exit", 137, "")),
        (TOKEN.encode() + b" 3", ("done", 3, TOKEN)),
    ],
)
def test_replies_are_read(line: bytes, reply: tuple[str, int, str]) -> None:
    assert framing.parse(line) == reply


@pytest.mark.parametrize(
    "line", [b"", b"ready", b"ready x", b"short 1", b"exit -1", b"\xff 1", b"a b 1"]
)
def test_anything_else_is_no_reply(line: bytes) -> None:
    assert framing.parse(line) is None


def test_a_program_is_one_child_of_the_shell_with_everything_quoted() -> None:
    code = program(["echo", "a b", "$x"], cwd="/tmp/it's", env={"V": "1 2"})
    assert code == "(cd -- '/tmp/it'\"'\"'s' || exit 126; export V='1 2'; exec -- echo 'a b' '$x')"


def test_a_program_needs_a_name_and_its_variables_names_that_are_names() -> None:
    with pytest.raises(InputError, match="name of a program"):
        program([], cwd="/", env=None)
    with pytest.raises(InputError, match="'A-B'"):
        program(["true"], cwd="/", env={"A-B": ""})


def test_the_shell_takes_its_boot_lines_in_one_read() -> None:
    line, _, rest = script.BOOT.partition("\n")
    assert f"-N {len(rest)} " in line
    assert rest.isascii()
