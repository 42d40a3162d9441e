"""What goes over the control socket, without a shell at the other end."""

from __future__ import annotations

import pytest

from asynccode.errors import InputError
from asynccode.shell import framing, script
from asynccode.shell.session import program

TOKEN = "0123456789ab"


def test_a_short_line_of_code_is_sent_as_it_is() -> None:
    assert framing.request("echo 'hi' \\") == b"echo 'hi' \\\n"
    assert framing.request("") == b":\n"


@pytest.mark.parametrize("code", ["echo hi;" * 40, "echo a\necho b\n"])
def test_other_code_follows_an_empty_line_and_its_length(code: str) -> None:
    assert framing.request(code).decode() == f"\nbuiltin read -r -N {len(code)} __ac_x\n{code}"


def test_code_travels_as_ascii_so_that_its_length_is_the_same_in_every_locale() -> None:
    assert framing.request("echo 'é'\\") == (rb"builtin eval -- $'echo \'\xc3\xa9\'\\'" + b"\n")
    _, line, rest = framing.request("é\n" * 99).split(b"\n")
    assert line == f"builtin read -r -N {len(rest)} __ac_x".encode()
    assert rest == b"builtin eval -- $'" + rb"\xc3\xa9\n" * 99 + b"'"


def test_the_status_before_is_set_just_before_the_code_and_ends_no_shell_with_errexit() -> None:
    request = framing.request("echo $?", status=3)
    assert request == b"__ac_status 3&&:;builtin eval -- $'echo $?'\n"


def test_errors_kept_apart_have_an_end_of_their_own_where_there_is_one_stream() -> None:
    assert framing.request("ls", split=True).endswith(f"'ls' {script.ERRORS}\n".encode())
    assert framing.request("ls", split=True, inband=True).startswith(b"__ac_p=1;")


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


def test_the_shell_takes_most_of_its_boot_lines_in_one_read() -> None:
    _, line, rest = script.BOOT.split("\n", 2)
    assert f"-N {len(rest)} " in line
    assert rest.isascii()
