"""A person acts: asked line by line on standard input, talked to on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable

import anyio.to_thread

from asynccode.errors import InputError
from asynccode.interfaces import Policy
from asynccode.outcomes import Outcome
from asynccode.records import Action, Skip, Step, Submit, Turn

HELP = """\
A line is run as code; one that ends in a backslash goes on in the next. Several lines are
run at once between two lines of ``` each. The arrow keys bring earlier lines back.
  submit [ANSWER]   end the episode; ANSWER replaces the last output as the answer
  skip              give the task up
  :query            show the task again
  :about            show what is said of the world
  :hint             show the hint, if there is one
  :history          show what was done so far
  :help             show this
The end of the input (^D) submits, ^C stops without a score."""
FENCE = "```"


class Human(Policy):
    """Asks a person; one episode at a time makes sense."""

    async def act(self, turn: Turn) -> Action:
        """Show the last observation and how it ended, and read the next action."""
        self._say(turn.observation)
        if turn.steps:
            self._say(ending(turn.steps[-1]))
        else:
            self._say(turn.brief.about)
            self._say("(:help for help)")
        shown: dict[str, Callable[[], str]] = {
            ":help": lambda: HELP,
            ":query": lambda: turn.task.query,
            ":about": lambda: turn.brief.about or "(nothing is said of it)",
            ":hint": lambda: turn.brief.hint or "(there is no hint)",
            ":history": lambda: history(turn),
        }
        while True:
            # Reading blocks, so a thread does it; one that still waits is left behind.
            line = await anyio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            match line if line is None else line.strip():
                case None:
                    return Submit()
                case "":
                    continue
                case word if word in shown:
                    self._say(shown[word]())
                case ":quit" | "skip":
                    return Skip()
                case "submit":
                    return Submit()
                case text if text.startswith("submit ") and "\n" not in text:
                    return Submit(answer=text.removeprefix("submit ").strip())
                case _:
                    assert line is not None
                    return line

    @staticmethod
    def _say(text: str) -> None:
        if text:
            print(text.rstrip("\n"), file=sys.stderr, flush=True)  # noqa: T201 (this is its job)

    def _read(self) -> str | None:
        """Read one action, its lines joined; None at the end of the input."""
        lines: list[str] = []
        while True:
            try:
                line = self._line("> " if lines else "$ ")
            except EOFError:
                return "\n".join(lines) if lines else None
            except UnicodeDecodeError as error:
                raise InputError("The standard input is not valid UTF-8 text.") from error
            lines.append(line)
            block = lines[0].strip() == FENCE
            if block and len(lines) > 1 and line.strip() == FENCE:
                return "\n".join(lines[1:-1])
            if not block and not line.endswith("\\"):
                return "\n".join(lines)

    @staticmethod
    def _line(prompt: str) -> str:
        """Read one line: with keys and history on a terminal, else as it comes."""
        if sys.stdin.isatty() and sys.stdout.isatty():
            import readline  # noqa: F401 (gives the prompt its keys and its history)

            return input(prompt)
        print(prompt, end="", file=sys.stderr, flush=True)  # noqa: T201
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")


def ending(step: Step) -> str:
    """Say how a step ended, where it did not just go well."""
    if step.outcome in (None, Outcome.OK):
        return ""
    status = "" if step.exit_code is None else f", exit status {step.exit_code}"
    return f"({step.outcome}{status})"


def history(turn: Turn) -> str:
    """List what was done so far."""
    lines = [
        f"{number:3}  {step.action}  {ending(step)}".rstrip()
        for number, step in enumerate(turn.steps, 1)
    ]
    left = turn.max_turns - len(turn.steps)
    return "\n".join([*lines, f"({left} more to go)"])
