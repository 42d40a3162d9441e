"""Sessions of a language: every step a whole program, or lines for the language's own prompt."""

from __future__ import annotations

import re
import time

import anyio

from asynccode.interfaces import Sandbox, Session
from asynccode.outcomes import ExecResult, MiB, Outcome, Window
from asynccode.tasks.languages.description import Language
from asynccode.tasks.languages.judge import compile_in, place, run_in
from asynccode.terminal import Ending, Reply, Terminal

WIDE = Window(rows=50, columns=4000)
"""So wide that no prompt breaks a line that is typed."""
PLAIN = {"TERM": "dumb", "NODE_DISABLE_COLORS": "1", "INPUTRC": "/dev/null"}
START_SECONDS, GRACE_SECONDS = 20.0, 2.0
REFUSED = ExecResult(outcome=Outcome.REFUSED, exit_code=None, output=b"")


class ProgramSession(Session):
    """Every step is a whole program, compiled if need be and run without input.

    Nothing but files passes from one to the next. What does not compile is not run: then the
    result is the compiler's.
    """

    def __init__(self, sandbox: Sandbox, language: Language) -> None:
        self._sandbox, self._language = sandbox, language
        self._folder: str | None = None

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Run one program; raises `Unavailable` if the sandbox has no such language."""
        if "\0" in code:
            return REFUSED
        self._folder = await place(self._sandbox, self._language, code, self._folder)
        compilation = await compile_in(self._sandbox, self._language, self._folder)
        if compilation is not None and compilation.outcome is not Outcome.OK:
            return compilation
        return await run_in(
            self._sandbox, self._language, self._folder, "", seconds=seconds, split=split
        )

    async def aclose(self) -> None:
        """Nothing to do: no program outlives its step but what it left in the background."""


class PromptSession(Session):
    """Every step is lines for the language's own prompt, whose state lives on.

    A prompt does not say whether a line failed, so a step that comes to an end is `ok` and has no
    exit status. What is typed and the prompts themselves are left out of the output.
    """

    def __init__(self, sandbox: Sandbox, language: Language, *, output_bytes: int = MiB) -> None:
        self._sandbox, self._language, self._limit = sandbox, language, output_bytes
        self._prompt = re.compile(rf"(?:{language.prompt})\Z")
        self._terminal: Terminal | None = None

    async def run(
        self, code: str, *, seconds: float | None = None, split: bool = False
    ) -> ExecResult:
        """Type the lines of `code` one after the other, each once the last one's prompt is back."""
        if "\0" in code:
            return REFUSED
        terminal = self._terminal or await self._start()
        began = time.perf_counter()
        deadline = anyio.current_time() + (seconds or self._language.run_seconds)
        output: list[str] = []
        ending, truncated, prompt = Ending.MATCHED, False, ""
        lines = code.rstrip("\n").split("\n")
        while lines or prompt.strip() in CONTINUED:
            line = lines.pop(0) if lines else ""  # an empty line ends a block
            await terminal.send(line + "\n")
            left = max(0.0, deadline - anyio.current_time())
            reply = await terminal.expect(self._prompt, seconds=left)
            ending, truncated = reply.ending, truncated or reply.truncated
            prompt = reply.match[0] if reply.match else ""
            output.append(_said(reply, line, prompt))
            if ending is not Ending.MATCHED:
                break
        restarted = ending is not Ending.MATCHED and not await self._recover(terminal, ending)
        text = "".join(output).encode("utf-8", "surrogateescape")
        status = await terminal.wait() if ending is Ending.ENDED else None
        return ExecResult(
            outcome=_outcome(ending, status, truncated=truncated),
            exit_code=status,
            output=text,
            stdout=text if split else None,
            stderr=b"" if split else None,
            seconds=time.perf_counter() - began,
            truncated=truncated,
            restarted=restarted,
        )

    async def aclose(self) -> None:
        """End the prompt."""
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            await terminal.aclose()

    async def _start(self) -> Terminal:
        terminal = await Terminal.open(
            self._sandbox,
            self._language.repl,
            env={**PLAIN, **self._language.env},
            window=WIDE,
            kept=self._limit,
        )
        self._terminal = terminal
        await terminal.expect(self._prompt, seconds=START_SECONDS)
        return terminal

    async def _recover(self, terminal: Terminal, ending: Ending) -> bool:
        """Get the prompt back; if it does not come, the next step has a new one."""
        if ending is not Ending.ENDED:
            await terminal.interrupt()
            reply = await terminal.expect(self._prompt, seconds=GRACE_SECONDS)
            if reply.ending is Ending.MATCHED:
                return True
        if ending is not Ending.ENDED:
            await self.aclose()
        self._terminal = None
        return False


CONTINUED = ("...", ">>")
"""Prompts that ask for the rest of a block."""


def _said(reply: Reply, line: str, prompt: str) -> str:
    """Give what was written between the line's echo and the next prompt."""
    return reply.text.removesuffix(prompt).removeprefix(line).removeprefix("\n")


def _outcome(ending: Ending, status: int | None, *, truncated: bool) -> Outcome:
    if ending is Ending.TIMEOUT:
        return Outcome.TIMEOUT
    if truncated:
        return Outcome.OUTPUT_LIMIT
    return Outcome.NONZERO if status else Outcome.OK
