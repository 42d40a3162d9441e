"""The `asynccode` command: a table of commands, each in a module of its own, loaded when named.

A command's module has `add_arguments(parser)` and `run(args) -> int`, sync or async. What it
raises of `InputError` and `Unavailable` ends the program with 2 and one sentence, other
errors of ours with 1. With `--json`, standard output holds one JSON object, also then.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from asynccode.errors import AsynccodeError, InputError, Unavailable

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("asynccode.cli.run", "play episodes of a suite and score them"),
    "replay": ("asynccode.cli.replay", "run a recording again and compare"),
    "play": ("asynccode.cli.play", "act yourself in one episode"),
    "tasks": ("asynccode.cli.tasks", "list a suite's tasks, or audit them"),
    "check": ("asynccode.cli.check", "hold a backend against the conformance suite"),
    "doctor": ("asynccode.cli.doctor", "say what is usable on this machine, and mend what is not"),
    "bench": ("asynccode.cli.bench", "measure this machine and the backends on it"),
    "summary": ("asynccode.cli.summary", "print tables over run folders and result files"),
    "export": ("asynccode.cli.export", "write a run folder in formats that others read"),
    "view": ("asynccode.cli.view", "write one page to look at a run with"),
    "images": ("asynccode.cli.images", "build, list and export what tasks start from"),
    "clean": ("asynccode.cli.clean", "remove what dead runs left behind"),
}
"""Commands by name: module and help."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing a usage and leaving."""

    def error(self, message: str) -> NoReturn:
        raise InputError(
            f"{message[:1].upper()}{message[1:].rstrip('.')} (see {self.prog} --help)."
        )


def make_parser(command: str | None) -> argparse.ArgumentParser:
    """Make the parser; only the named command's own arguments are loaded."""
    from asynccode import __version__

    parser = _Parser(prog="asynccode", description="Interactive coding episodes, run and scored.")
    parser.add_argument("--version", action="version", version=f"asynccode {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, text) in COMMANDS.items():
        own = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
        own.add_argument("--json", action="store_true", help="one JSON object on standard output")
        if name == command:
            loaded: Any = importlib.import_module(module)
            loaded.add_arguments(own)
            own.set_defaults(function=loaded.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        # Whoever started us ignores it, and so nobody could ask how our children ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Dotted paths mean modules in the current folder too, as with `python -m`.
    with suppress(FileNotFoundError):
        if "" not in sys.path and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
    named = next((word for word in words if not word.startswith("-")), None)
    try:
        args = make_parser(named).parse_args(words)
        return _call(args)
    except (InputError, Unavailable) as error:
        return _fail(error, 2, words)
    except AsynccodeError as error:
        return _fail(error, 1, words)
    except KeyboardInterrupt:
        print("asynccode: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Who read our output has left; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _call(args: argparse.Namespace) -> int:
    if not inspect.iscoroutinefunction(args.function):
        status = args.function(args)
    else:
        import anyio

        status = anyio.run(args.function, args)
    sys.stdout.flush()
    return int(status)


def _fail(error: AsynccodeError, status: int, words: Sequence[str]) -> int:
    from asynccode.cli.output import emit_json

    if "--json" in words:
        emit_json({"error": str(error)})
    print(f"asynccode: {error}", file=sys.stderr)
    return status
