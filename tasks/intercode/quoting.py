"""What the original runs for an action: its quoting rule, its `cd`, its error texts.

Pure functions; the rules are those of `intercode/envs/bash/bash_env.py` in version 1.0.2.
"""

from __future__ import annotations

import shlex

from attrs import field, frozen

MALFORMED = "Malformed command"
"""Observation of an action whose quotes do not match, or whose output is not UTF-8
(bash_env.py:57-59)."""
TIMED_OUT = "Command timed out"
"""Observation of an action that ran for over 10 s (bash_env.py:54-56)."""
SECONDS = 10.0
"""The original's limit on an action, in seconds (utils.py:6-23)."""
ROOT = "/"


class OriginalCrashError(Exception):
    """The original raises here and its whole run dies; ours ends the episode.

    The message names the exception and the place.
    """


def split(command: str) -> list[str] | None:
    """Split a command line as docker-py does; None where it raises.

    A command that holds no word at all, or a NUL, cannot be executed either.
    """
    try:
        return None if "\0" in command else shlex.split(command)
    except ValueError:
        return None


def argv(action: str) -> list[str] | None:
    """Give what is executed for an action, or None for a `Malformed command`.

    The action is pasted between double quotes and then split (bash_env.py:155-158), so a
    double quote inside it ends the word that Bash gets as its script, or vanishes.
    """
    return split(f'/bin/bash -c "{action.strip()}"')


def simplify(current: str, changed: str) -> str:
    """Give the folder that `cd changed` means in `current`, by text alone.

    `~`, `-`, `$VAR` and globs are names like any other (bash_env.py:168-184).
    """
    if not changed:
        return current
    start = "" if changed.startswith("/") else current
    parts: list[str] = []
    for part in f"{start}/{changed}".split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


@frozen(kw_only=True)
class Plan:
    """How one action is carried out."""

    argv: list[str] | None = field()
    """What to execute; None if the action is malformed."""
    cwd: str
    """Where to execute it."""
    goes_to: str | None = None
    """The working directory from then on, if the action succeeds; None leaves it."""


def plan(action: str, workdir: str) -> Plan:
    """Decide how `action` is carried out (bash_env.py:41-62).

    Whatever begins with `cd` is taken for a change of directory: `cd PATH` is executed in the
    root folder, PATH being all that follows, and becomes the working directory if that
    succeeds: after `cd /a && ls` it is the folder `/a && ls`.

    Raises `OriginalCrashError` for an action that begins so and holds no `cd` and a blank.
    """
    if not action.startswith("cd"):
        return Plan(argv=argv(action), cwd=workdir)
    _, found, argument = action.partition("cd ")
    if not found:
        raise OriginalCrashError("ValueError: substring not found (bash_env.py:43)")
    path = simplify(workdir, argument.strip())
    return Plan(argv=argv(f"cd {path}"), cwd=ROOT, goes_to=path)


def _go_quote(text: str) -> str:
    """Quote as Go's `%q` does."""
    names = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in names:
            out.append("\\" + names[char])
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'


_OCI = "OCI runtime exec failed: exec failed: unable to start container process: "


def missing_workdir(path: str, *, reason: str = "no such file or directory") -> str:
    """Give what Docker says when the working directory is not there."""
    return (
        f"{_OCI}chdir to cwd ({_go_quote(path)}) set in config.json failed: {reason}: unknown\r\n"
    )


def missing_program(name: str) -> str:
    """Give what Docker says when the program is not there."""
    if "/" in name:
        found = f"stat {name}: no such file or directory"
    else:
        found = "executable file not found in $PATH"
    return f"{_OCI}exec: {_go_quote(name)}: {found}: unknown\r\n"
