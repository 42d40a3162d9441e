"""Languages by description: reading them, judging programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from asynccode import containerfile
from asynccode.backends import layers
from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, Unavailable
from asynccode.images import Image
from asynccode.interfaces import Sandbox
from asynccode.outcomes import Limits, Outcome
from asynccode.tasks.languages import (
    Case,
    Judge,
    ProgramSession,
    PromptSession,
    languages,
    load,
    read,
)

pytestmark = [pytest.mark.anyio]
SUM = [Case(input="1 2\n", output="3\n"), Case(input="5 5\n", output="10")]
PYTHON = "a, b = map(int, input().split())\n"
DESCRIPTION = "name: X\nfile: x.y\nrun: [cat]\nexample: {code: a, output: a}\n"


@pytest.fixture
async def sandbox(nsjail_backend: NsjailBackend) -> AsyncIterator[Sandbox]:
    async with await nsjail_backend.open(Image(), Limits()) as opened:
        yield opened


def test_the_languages_that_debian_has_are_described() -> None:
    wanted = {"bash", "python", "c", "cpp", "javascript", "java", "go", "rust", "lua", "perl"}
    assert wanted <= set(languages())


def test_the_base_for_languages_holds_what_each_needs() -> None:
    path = containerfile.find("debian-12-languages")
    assert path is not None
    packages = set(path.read_text().split())
    for name in languages():
        assert set(load(name).packages) <= packages, name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("run: cat", "'run' must be a list of words, not 'cat'"),
        ("run: []", "run"),
        ("file: ../x", "'file' must be a plain file name, not '../x'"),
        ("run_seconds: -1", "'run_seconds' must be a number of seconds, not -1"),
        ("colour: red", "there is no field 'colour' of the language"),
        ("example: {code: a}", "the field 'output' of the example is missing"),
        ("compare: fuzzy", "compare"),
        ("name: [", "cannot be read"),
    ],
)
def test_a_wrong_description_is_refused_in_a_sentence(
    tmp_path: Path, change: str, said: str
) -> None:
    path = tmp_path / "x.yaml"
    kept = [line for line in DESCRIPTION.splitlines() if line[:4] != change[:4]]
    path.write_text("\n".join([*kept, change]))
    with pytest.raises(InputError) as error:
        read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_description_of_one_s_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(DESCRIPTION)
    assert load(str(path)).run == yaml.safe_load(DESCRIPTION)["run"]
    with pytest.raises(InputError, match="There is no language 'cobol'; there are bash, c,"):
        load("cobol")


@pytest.mark.nsjail
async def test_a_right_program_passes_every_case(sandbox: Sandbox) -> None:
    verdict = await Judge(language=load("python")).judge(sandbox, PYTHON + "print(a + b)", SUM)
    assert verdict.share == 1.0
    assert verdict.parts == {"compiled": 1.0, "passed": 2, "cases": 2}


@pytest.mark.nsjail
async def test_each_case_says_how_it_went(sandbox: Sandbox) -> None:
    code = PYTHON + "import sys; print('why', file=sys.stderr)\nassert a < 5\nprint(a + b)"
    verdict = await Judge(language=load("python")).judge(sandbox, code, SUM)
    right, wrong = verdict.results
    assert (right.passed, right.output, right.errors) == (True, "3\n", "why\n")
    assert (wrong.passed, wrong.outcome, wrong.exit_code) == (False, Outcome.NONZERO, 1)
    assert "AssertionError" in wrong.errors
    assert verdict.share == 0.5


@pytest.mark.nsjail
async def test_the_judge_may_stop_at_the_first_failure(sandbox: Sandbox) -> None:
    judge = Judge(language=load("python"), stop_at_first=True)
    verdict = await judge.judge(sandbox, "print(0)", SUM)
    assert len(verdict.results) == 1
    assert verdict.share == 0.0


@pytest.mark.nsjail
async def test_limits_of_a_run_are_typed(sandbox: Sandbox) -> None:
    judge = Judge(language=load("python"), seconds=0.5)
    for code, outcome in (
        ("while True: pass", Outcome.TIMEOUT),
        ("while True: print('x' * 999)", Outcome.OUTPUT_LIMIT),
        ("x = bytearray(1 << 30)", Outcome.NONZERO),  # refused by the kernel, or killed by it
    ):
        (result,) = (await judge.judge(sandbox, code, SUM[:1])).results
        assert not result.passed
        assert result.outcome is outcome or code.startswith("x = ")


@pytest.mark.nsjail
async def test_outputs_are_compared_as_declared(sandbox: Sandbox) -> None:
    cases = [Case(input="", output="0.3 x\n")]
    code = "print(0.1 + 0.2, '  x')"
    for compare, share in (("numeric", 1.0), ("normalised", 0.0), ("exact", 0.0)):
        judge = Judge(language=load("python"), compare=compare)
        assert (await judge.judge(sandbox, code, cases)).share == share


@pytest.mark.nsjail
async def test_a_language_that_is_not_there_is_no_fault_of_the_program(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    for change in ("run: [no-such-language]", "run: [cat]\ncompile: [no-such-language]"):
        path = tmp_path / "x.yaml"
        path.write_text(DESCRIPTION.replace("run: [cat]", change))
        with pytest.raises(Unavailable, match="no-such-language"):
            await Judge(language=read(path)).judge(sandbox, "", SUM)


@pytest.mark.nsjail
async def test_a_program_that_does_not_compile_is_not_run(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(DESCRIPTION + "compile: [bash, -c, 'echo line 1: no; exit 1']\n")
    verdict = await Judge(language=read(path)).judge(sandbox, "", SUM)
    assert not verdict.compiled
    assert verdict.compilation is not None
    assert verdict.compilation.text == "line 1: no\n"
    assert verdict.results == ()
    assert verdict.parts == {"compiled": 0.0, "passed": 0, "cases": 2}


@pytest.mark.nsjail
async def test_a_step_may_be_a_whole_program(tmp_path: Path, sandbox: Sandbox) -> None:
    async with ProgramSession(sandbox, load("python")) as session:
        first = await session.run("x = 6\nopen('kept', 'w').write('7')\nprint(x)")
        assert (first.outcome, first.text) == (Outcome.OK, "6\n")
        second = await session.run("print(open('kept').read(), 'x' in globals())", split=True)
        assert second.stdout == b"7 False\n"
        assert (await session.run("while True: pass", seconds=0.3)).outcome is Outcome.TIMEOUT
        assert (await session.run("a\0b")).outcome is Outcome.REFUSED
    path = tmp_path / "x.yaml"
    path.write_text(DESCRIPTION + "compile: [bash, -c, 'echo line 1: no; exit 1']\n")
    result = await ProgramSession(sandbox, read(path)).run("text")
    assert (result.outcome, result.text) == (Outcome.NONZERO, "line 1: no\n")


@pytest.mark.nsjail
async def test_a_step_may_be_lines_for_a_prompt(sandbox: Sandbox) -> None:
    async with PromptSession(sandbox, load("python")) as session:
        assert (await session.run("x = 6")).text == ""
        block = "for i in range(2):\n    print(i * x)"
        assert (await session.run(block)).text == "0\n6\n"
        assert (await session.run("x * 7")).text == "42\n"
        assert "ZeroDivisionError" in (await session.run("1 / 0")).text
        late = await session.run("while True: pass", seconds=0.5)
        assert (late.outcome, late.restarted) == (Outcome.TIMEOUT, False)
        assert (await session.run("x")).text == "6\n"
        gone = await session.run("exit(3)")
        assert (gone.outcome, gone.exit_code, gone.restarted) == (Outcome.NONZERO, 3, True)
        assert "NameError" in (await session.run("x")).text


@pytest.mark.nsjail
async def test_lines_for_bash_s_prompt_may_be_a_block(sandbox: Sandbox) -> None:
    async with PromptSession(sandbox, load("bash")) as session:
        assert (await session.run("for i in 1 2\ndo echo $i\ndone")).text == "1\n2\n"
        assert (await session.run("echo $i")).text == "2\n"


@pytest.mark.nsjail
async def test_every_language_that_is_there_keeps_its_promise(
    nsjail_backend: NsjailBackend,
) -> None:
    """On the base for languages where it is built, else what the host has of them."""
    built = layers.is_built("debian-12-languages")
    image = Image(base="debian-12-languages" if built else "host")
    limits = Limits(memory_bytes=1 << 30)
    worked = set()

    async def judge(name: str) -> None:
        language = load(name)
        example = language.example
        wrong = Case(input=example.input, output="something else\n")
        cases = [Case(input=example.input, output=example.output), wrong]
        async with await nsjail_backend.open(image, limits) as sandbox:
            try:
                verdict = await Judge(language=language).judge(sandbox, example.code, cases)
            except Unavailable:
                assert not built, f"the base has no {name}"
                return
            if not verdict.compiled and not built:
                return  # a compiler without its files in /etc
            assert [result.passed for result in verdict.results] == [True, False], name
            worked.add(name)

    for name in languages():
        await judge(name)
    assert worked >= (set(languages()) if built else {"bash", "python"})
