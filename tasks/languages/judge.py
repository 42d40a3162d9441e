"""Programs against pairs of input and output: compiled once, run once for each."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from asynccode.errors import Unavailable
from asynccode.interfaces import Sandbox
from asynccode.outcomes import ExecResult, Outcome
from asynccode.tasks.languages.description import Language
from asynccode.tasks.rewards.comparers import comparer

INPUT = ".input"
NOT_FOUND = 127
RUN = 'cd -- "$1" && shift && exec "$@"'
RUN_ON = f'cd -- "$1" && shift && exec "$@" < {INPUT}'


@frozen(kw_only=True)
class Case:
    """What a program is given on its standard input, and what it must write."""

    input: str
    output: str = field(repr=False)


@frozen(kw_only=True)
class CaseResult:
    """How one run went."""

    passed: bool
    outcome: Outcome
    """A run that ends with another status than 0 or meets a limit has not passed."""
    exit_code: int | None
    output: str
    """Its standard output."""
    errors: str
    """Its standard error."""
    seconds: float
    """Wall time, in seconds."""


@frozen(kw_only=True)
class Verdict:
    """What came of judging one program."""

    compilation: ExecResult | None
    """None where nothing is compiled. With an outcome that is not `ok`, nothing was run."""
    results: Sequence[CaseResult] = field(converter=tuple[CaseResult, ...])
    """In the order of the cases; fewer if the judge stopped at the first that failed."""
    cases: int

    @property
    def compiled(self) -> bool:
        """Whether there was anything to run."""
        return self.compilation is None or self.compilation.outcome is Outcome.OK

    @property
    def share(self) -> float:
        """The share of all cases that passed, in 0..1; 0 if there are none."""
        return sum(result.passed for result in self.results) / self.cases if self.cases else 0.0

    @property
    def parts(self) -> Mapping[str, float]:
        """The same as parts of a reward."""
        passed = sum(result.passed for result in self.results)
        return {"compiled": float(self.compiled), "passed": passed, "cases": self.cases}


@frozen(kw_only=True)
class Judge:
    """Judges programs of one language. What they must write never enters the sandbox.

    Every run is in the same folder of the sandbox, one after the other, with the sandbox's
    limits: open a fresh sandbox for each program that is not to meet another's leftovers.
    """

    language: Language
    compare: str | None = None
    """Name of the comparer of outputs; by default the language's."""
    seconds: float | None = None
    """Wall time of one run, in seconds; by default the language's."""
    stop_at_first: bool = False
    """Whether to run no more once a case has failed."""

    async def judge(self, sandbox: Sandbox, code: str, cases: Sequence[Case]) -> Verdict:
        """Compile `code` if need be and run it on every case.

        Raises `InputError` for a comparer that is not there, `Unavailable` if the sandbox has
        no such language, `SandboxLost` if it is gone.
        """
        compare = comparer(self.compare or self.language.compare)
        folder = await place(sandbox, self.language, code)
        compilation = await compile_in(sandbox, self.language, folder)
        results: list[CaseResult] = []
        if compilation is None or compilation.outcome is Outcome.OK:
            for case in cases:
                result = await run_in(
                    sandbox, self.language, folder, case.input, seconds=self.seconds, split=True
                )
                output = (result.stdout or b"").decode("utf-8", "replace")
                right = result.outcome is Outcome.OK and compare(output, case.output) == 1.0
                results.append(
                    CaseResult(
                        passed=right,
                        outcome=result.outcome,
                        exit_code=result.exit_code,
                        output=output,
                        errors=(result.stderr or b"").decode("utf-8", "replace"),
                        seconds=result.seconds,
                    )
                )
                if self.stop_at_first and not right:
                    break
        return Verdict(compilation=compilation, results=results, cases=len(cases))


async def place(sandbox: Sandbox, language: Language, code: str, folder: str | None = None) -> str:
    """Put a program into a folder in `workdir`, by default a new one; gives the folder's name."""
    folder = folder or f".program-{secrets.token_hex(4)}"
    data = code.encode("utf-8", "surrogateescape")
    await sandbox.write(f"{folder}/{language.file}", data)
    return folder


async def compile_in(sandbox: Sandbox, language: Language, folder: str) -> ExecResult | None:
    """Compile what is in a folder; None where the language asks for no compiling."""
    if not language.compile:
        return None
    result = await sandbox.exec(
        ["bash", "-c", RUN, "bash", folder, *language.compile],
        env=language.env,
        seconds=language.compile_seconds,
    )
    if result.exit_code == NOT_FOUND:
        await require(sandbox, language, language.compile[0])
    return result


async def run_in(
    sandbox: Sandbox,
    language: Language,
    folder: str,
    given: str,
    *,
    seconds: float | None = None,
    split: bool = False,
) -> ExecResult:
    """Run what is in a folder, with `given` as its input."""
    await sandbox.write(f"{folder}/{INPUT}", given.encode("utf-8", "surrogateescape"))
    result = await sandbox.exec(
        ["bash", "-c", RUN_ON, "bash", folder, *language.run],
        env=language.env,
        seconds=seconds or language.run_seconds,
        split=split,
    )
    if result.exit_code == NOT_FOUND:
        await require(sandbox, language, language.run[0])
    return result


async def require(sandbox: Sandbox, language: Language, command: str) -> None:
    """Raise `Unavailable` if the sandbox has no such command: that is no fault of a program's."""
    if "/" in command:  # what was compiled
        return
    found = await sandbox.exec(["bash", "-c", 'command -v "$1"', "bash", command])
    if found.outcome is not Outcome.OK:
        raise Unavailable(
            f"there is no {command} for {language.name} in this sandbox",
            f"use the base debian-12-languages, or install {' '.join(language.packages)}",
        )
