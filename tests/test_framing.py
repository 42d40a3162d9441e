"""What goes over the control socket, without a shell at the other end."""

from __future__ import annotations

import pytest

from asynccode.errors import InputError
from asynccode.shell import framing, script
from asynccode.shell.session import program

TOKEN = "0123456789ab"


TAIL = f"{script.REDIRECT};builtin echo {TOKEN} $?>&0\n".encode()


def test_short_code_stands_quoted_in_the_line() -> None:
    assert framing.request("echo 'é'\n\\", TOKEN) == (
        rb"builtin eval $'echo \'\xc3\xa9\'\n\\'" + TAIL
    )


def test_long_code_follows_the_line_as_it_is() -> None:
    code = "echo hi;" * 40
    line = f'builtin read -r -N {len(code)} __ac_x;builtin eval "$__ac_x"'.encode()
    assert framing.request(code, TOKEN) == line + TAIL + code.encode()


def test_other_long_code_travels_as_ascii_so_that_its_length_is_the_same_in_every_locale() -> None:
    line, _, rest = framing.request("é" * 99, TOKEN).partition(b"\n")
    assert line.startswith(f"builtin read -r -N {len(rest)} ".encode())
    assert rest == b"eval $'" + rb"\xc3\xa9" * 99 + b"'"


def test_the_status_before_is_set_just_before_the_code_and_ends_no_shell_with_errexit() -> None:
    assert framing.request("echo $?", TOKEN, status=3).startswith(b"__ac_status 3&&:;builtin eval ")


def test_tokens_are_as_long_as_replies_are_read() -> None:
    tokens = {framing.token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {framing.TOKEN}
    assert f'"{"?" * framing.TOKEN}"' in script.BOOT


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
