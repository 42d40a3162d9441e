"""Python tasks: what is handed in, what it is paid, and that no verdict can be forged."""

from __future__ import annotations

import pytest
from attrs import evolve

from asynccode.backends.local import LocalBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.images import Entry, Image, Manifest
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Skip, Submit, Task
from asynccode.tasks.python.suite import Hidden, PythonSuite, Semantics
from asynccode.tasks.python.tests import read_test
from asynccode.tasks.python.told import Told

pytestmark = pytest.mark.anyio

TESTS = ["assert double(2) == 4", "assert double('a') == 'aa'", "assert double(-1) == -2"]
GOLD = "def double(x):\n    return x + x"


def suite(
    *tests: str,
    semantics: Semantics = "persistent",
    told: Told = Told.TRACEBACK,
    gold: str = GOLD,
    submits: tuple[str, ...] = (),
    files: dict[str, str] | None = None,
) -> PythonSuite:
    entries = [
        Entry(path=f"/work/{path}", type="file", content=text.encode())
        for path, text in (files or {}).items()
    ]
    image = Image(layers=[Manifest(entries=entries)] if entries else [])
    task = Task(id="t", query="Double it.", gold=[gold], image=image)
    hidden = Hidden(
        tests=[read_test(test) for test in tests or TESTS],
        name=None if submits else "double",
        submits=submits,
    )
    limits = Limits(step_seconds=5)
    return PythonSuite({"t": (task, hidden)}, semantics=semantics, told=told, limits=limits)


async def reward(
    made: PythonSuite, backend: LocalBackend, *actions: str, name: str | None = None
) -> float:
    async with made.environment(made.tasks[0], backend) as environment:
        await environment.reset()
        for action in actions:
            await environment.step(action)
        result = await environment.step(Submit(answer=name))
    assert result.terminated
    assert result.reward is not None
    return result.reward


async def test_the_reward_is_the_share_of_tests_passed(local_backend: LocalBackend) -> None:
    assert await reward(suite(), local_backend, GOLD) == 1.0
    assert await reward(suite(), local_backend, "def double(x): return 2 * x") == 1.0
    some = await reward(suite(), local_backend, "def double(x): return abs(2 * x)")
    assert some == pytest.approx(1 / 3)
    assert await reward(suite(), local_backend) == 0.0


async def test_any_name_may_be_submitted_and_without_one_it_is_guessed(
    local_backend: LocalBackend,
) -> None:
    twice = GOLD.replace("double", "twice")
    steps = (twice, "def other(): pass")
    assert await reward(suite(), local_backend, *steps, name="twice") == 1.0
    assert await reward(suite(), local_backend, *steps) == 0.0
    assert await reward(suite(), local_backend, twice) == 1.0
    assert await reward(suite(), local_backend, "def other(): pass", GOLD, "x = 1") == 1.0
    assert await reward(suite(), local_backend, GOLD, name="no name") == 0.0
    assert await reward(suite(), local_backend, GOLD, name="") == 1.0


async def test_submit_may_be_written_as_text(local_backend: LocalBackend) -> None:
    made = suite()
    async with made.environment(made.tasks[0], local_backend) as environment:
        await environment.reset()
        await environment.step(GOLD.replace("double", "twice"))
        result = await environment.step("submit twice")
        assert (result.reward, result.terminated) == (1.0, True)
        assert result.info["reward_parts"] == {"tests": 1.0, "passed": 3, "of": 3}


async def test_what_earlier_steps_made_goes_with_it(local_backend: LocalBackend) -> None:
    steps = ("import operator", "f = operator.add", "1 / 0", "def double(x): return f(x, x)")
    assert await reward(suite(), local_backend, *steps) == 1.0
    assert await reward(suite(semantics="files"), local_backend, *steps) == 0.0
    assert (
        await reward(suite(semantics="files"), local_backend, "\n".join(steps[:2] + steps[3:]))
        == 1.0
    )


async def test_what_the_interpreter_lost_is_not_handed_in(local_backend: LocalBackend) -> None:
    assert await reward(suite(), local_backend, GOLD, "import os; os._exit(0)") == 0.0


@pytest.mark.parametrize(
    "code",
    [
        # an object that says it equals everything
        "class Yes:\n    def __eq__(self, other): return True\ndef double(x): return Yes()",
        "class Yes(int):\n    def __eq__(self, other): return True\ndef double(x): return Yes()",
        # ends in the middle of a test
        "import sys\ndef double(x): sys.exit(0)",
        "import os\ndef double(x): os._exit(0)",
        # says what a verdict might look like
        "def double(x): print('passed', True, 1.0); raise SystemExit(0)",
        "import atexit\natexit.register(print, 'passed')\ndef double(x): return None",
        # replaces what is built in, and what shows values
        "import builtins\nbuiltins.repr = lambda x: '4'\ndef double(x): return object()",
        "import json\njson.dumps = lambda x: '4 == 4'\ndef double(x): return None",
        "import sys\nsys.displayhook = print\ndef double(x): return 5",
        "assert_ = None\n__builtins__['AssertionError'] = None\ndef double(x): assert False",
        # takes the interpreter over
        "import os\ndef double(x): os.execv('/bin/echo', ['echo', '4'])",
        "import threading, os\ndef double(x): threading.Thread(target=os._exit, args=(0,)).start()",
        "import sys\ndef double(x):\n    sys.stdout = None\n    return 0",
    ],
)
async def test_no_verdict_can_be_forged(local_backend: LocalBackend, code: str) -> None:
    assert await reward(suite(), local_backend, code) == 0.0


async def test_a_test_that_hangs_fails_alone(local_backend: LocalBackend) -> None:
    made = suite()
    made.limits = evolve(made.limits, step_seconds=0.5)
    code = "def double(x):\n    while x == 2: pass\n    return x + x"
    assert await reward(made, local_backend, code) == pytest.approx(2 / 3)


async def test_expected_values_that_are_no_literals_are_gold_s(local_backend: LocalBackend) -> None:
    gold = f"import sys\n{GOLD}"
    made = suite("assert double(1) == len(sys.modules['sys'].__name__) - 1", gold=gold)
    assert await reward(made, local_backend, GOLD) == 1.0
    assert await reward(made, local_backend, "def double(x): return 3") == 0.0
    with pytest.raises(TaskDataError, match="gold fails"):
        await reward(suite("assert double(1) == f()", gold="1 / 0"), local_backend)


async def test_files_are_handed_in_as_the_submission_finds_them(
    local_backend: LocalBackend,
) -> None:
    broken = "def double(x):\n    return x\n"
    made = suite(
        "import module\nassert module.double(2) == 4",
        "open('in.txt', 'w').write('7')\nassert run('module.py', 'in.txt') == (0, '14\\n')",
        submits=("module.py",),
        files={"module.py": broken, "notes.txt": "keep"},
    )
    fixed = (
        "text = 'import sys\\ndef double(x):\\n    return x + x\\n'\n"
        "text += \"if __name__ == '__main__': print(double(int(open(sys.argv[1]).read())))\\n\"\n"
        "with open('module.py', 'w') as f: _ = f.write(text)"
    )
    assert await reward(made, local_backend) == 0.0
    assert await reward(made, local_backend, fixed) == 1.0
    assert await reward(made, local_backend, "import os; os.remove('module.py')") == 0.0


async def test_a_score_does_not_end_the_episode(local_backend: LocalBackend) -> None:
    made = suite()
    async with made.environment(made.tasks[0], local_backend) as environment:
        await environment.reset()
        await environment.step("def double(x): return 4")
        scored = await environment.score()
        assert scored.reward == pytest.approx(1 / 3)
        assert (await environment.step("double(0)")).observation == "4\n"
        await environment.step(GOLD)
        assert (await environment.score()).reward == 1.0
        assert (await environment.step(Skip())).reward == 0.0


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told.NOTHING, []),
        (Told.VERDICT, ["Some tests failed."]),
        (Told.COUNT, ["1 of 3 tests passed."]),
        (Told.FIRST, ["1 of 3 tests passed.", "Failed: assert double('a') == 'aa'"]),
    ],
)
async def test_more_is_told_level_by_level(
    local_backend: LocalBackend, told: Told, words: list[str]
) -> None:
    made = suite(told=told)
    async with made.environment(made.tasks[0], local_backend) as environment:
        await environment.reset()
        await environment.step("def double(x): return 4")
        info = (await environment.score()).info
    assert info["feedback"].splitlines() == words


async def test_the_highest_levels_tell_what_went_wrong(local_backend: LocalBackend) -> None:
    for told, others in ((Told.TRACEBACK, 0), (Told.EVERYTHING, 1)):
        made = suite(told=told)
        async with made.environment(made.tasks[0], local_backend) as environment:
            await environment.reset()
            await environment.step("def double(x): return [1, 0][-1] / 0 if x == 'a' else 4")
            said = (await environment.score()).info["feedback"]
        assert "ZeroDivisionError: division by zero" in said
        assert "asynccode" not in said
        assert said.count("double(-1) is 4, not -2") == others


async def test_outcomes_are_told_as_bash_tells_them(local_backend: LocalBackend) -> None:
    made = suite()
    made.limits = evolve(made.limits, step_seconds=0.5)
    async with made.environment(made.tasks[0], local_backend) as environment:
        with pytest.raises(InputError, match="call reset"):
            await environment.step("1")
        assert await environment.reset() == "Double it."
        result = await environment.step("while True: pass")
        assert result.info["outcome"] is Outcome.TIMEOUT
        assert result.observation.endswith(
            "[timed out after 0.5 s; the interpreter is still there]"
        )
        result = await environment.step("import os; os._exit(3)")
        assert result.info["restarted"]
        assert result.observation.startswith("[the interpreter was restarted")
        assert environment.brief().language == "python"


async def test_per_step_nothing_lives_on_and_with_files_only_files(
    local_backend: LocalBackend,
) -> None:
    seen = {}
    for semantics in ("persistent", "files", "per-step"):
        made = suite(semantics=semantics)
        async with made.environment(made.tasks[0], local_backend) as environment:
            await environment.reset()
            await environment.step("x = 1; open('f', 'w').close()")
            code = "import os; ('x' in globals(), os.path.exists('f'))"
            seen[semantics] = (await environment.step(code)).observation
    assert seen == {
        "persistent": "(True, True)\n",
        "files": "(False, True)\n",
        "per-step": "(False, False)\n",
    }
    with pytest.raises(InputError, match="There are no semantics"):
        suite(semantics="other")  # type: ignore[arg-type]
    assert suite().digest != suite(semantics="files").digest
    assert suite().digest == suite().digest
