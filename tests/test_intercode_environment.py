"""The original's semantics in a real sandbox, on a small data set of our own."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.images import Image
from asynccode.interfaces import Sandbox
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Skip, Submit
from asynccode.tasks.intercode import quoting
from asynccode.tasks.intercode.environment import CompatBashEnvironment
from asynccode.tasks.intercode.images import nl2bash_image
from asynccode.tasks.intercode.loader import load, read_tasks
from asynccode.tasks.intercode.suite import CompatSuite
from asynccode.tasks.intercode.world import birth
from tests.test_intercode_loader import clone

pytestmark = [pytest.mark.anyio, pytest.mark.nsjail]

GOLDS: list[Any] = [
    "cat /w/a",  # 0
    ["cd /w", "cp a b.txt"],  # 1
    "ln -s /w ~/link",  # 2
    "printf '\\377'",  # 3
    "touch '/w/x y'",  # 4
    "mkdir /w/new; cp /w/a /w/new/f",  # 5
    "find /w -type f -mmin +5 -delete",  # 6
]
ENTRIES = [
    {
        "path": "/.gitignore",
        "type": "file",
        "text": "bin\ndev\netc\nhome\nlib\nlib64\nproc\nroot\nrun\nsbin\nsys\nusr\nvar\n",
    },
    {"path": "/w", "type": "directory"},
    {"path": "/w/a", "type": "file", "mode": "600", "text": "one two\n"},
    {"path": "/w/empty", "type": "directory"},
]


class Counting:
    """Hands out a backend's sandboxes and counts them."""

    def __init__(self, backend: NsjailBackend) -> None:
        self.backend, self.opened = backend, 0

    async def open(self, image: Image, limits: Limits) -> Sandbox:
        self.opened += 1
        return await self.backend.open(image, limits)


@pytest.fixture
def suite(tmp_path: Path) -> CompatSuite:
    (tmp_path / "data/nl2bash").mkdir(parents=True)
    (tmp_path / "filesystems").mkdir()
    tasks = tmp_path / "data/nl2bash/nl2bash_fs_1.json"
    tasks.write_text(json.dumps([{"query": f"task {gold}", "gold": gold} for gold in GOLDS]))
    manifest = {"filesystem": "nl2bash_fs_1", "entries": ENTRIES}
    (tmp_path / "filesystems/fs_1.json").write_text(json.dumps(manifest))
    image = nl2bash_image(tmp_path, 1, base="host", compat=True)
    return CompatSuite(read_tasks(tasks, image, 1), name="small")


@pytest.fixture
def worlds(nsjail_backend: NsjailBackend) -> Counting:
    return Counting(nsjail_backend)


async def begun(suite: CompatSuite, worlds: Counting, task: int) -> CompatBashEnvironment:
    environment = suite.environment(suite.tasks[task], worlds)
    assert await environment.reset() == suite.tasks[task].query
    return environment


async def test_each_action_is_a_process_of_its_own(suite: CompatSuite, worlds: Counting) -> None:
    async with await begun(suite, worlds, 0) as environment:
        unbalanced = "/bin/bash: -c: line 1: unexpected EOF while looking for matching `''\n"
        for action, expected, valid in [
            ("x=1; echo set", "set\n", True),
            ("echo $x; false", "\n", False),
            ('echo "a b"', "a\n", True),
            ("echo '", unbalanced, False),
            ('echo "', quoting.MALFORMED, False),
            ("printf '\\377'", quoting.MALFORMED, False),
            ("nonesuch", "/bin/bash: line 1: nonesuch: command not found\n", False),
            ("exit 126", "", False),
            ("echo out; echo err >&2; echo out", "out\nerr\nout\n", True),
            ("cat", "", True),
            ("ls -d /w/empty /tmp 2>/dev/null", "", False),
            ("stat -c %a /w/a", "644\n", True),
        ]:
            seen, reward, terminated, truncated, info = await environment.step(action)
            assert (seen, info["valid"]) == (expected, valid), action
            assert (reward, terminated, truncated) == (0.0, False, False)


async def test_the_working_directory_is_a_text(suite: CompatSuite, worlds: Counting) -> None:
    async with await begun(suite, worlds, 0) as environment:
        assert (await environment.step("cd w")).observation == ""
        assert (await environment.step("pwd")).observation == "/w\n"
        missing = await environment.step("cd nonesuch")
        assert "No such file" in missing.observation
        assert (await environment.step("cat a")).observation == "one two\n"
        assert (await environment.step("cd .. && cat w/a")).observation == "one two\n"
        assert environment.workdir == "/w/.. && cat w/a"
        lost = await environment.step("echo here")
        assert lost.observation == quoting.missing_workdir(environment.workdir)
        assert lost.info["valid"] is False


async def test_a_folder_that_is_gone_cannot_be_worked_in(
    suite: CompatSuite, worlds: Counting
) -> None:
    async with await begun(suite, worlds, 0) as environment:
        await environment.step("mkdir /w/d")
        await environment.step("cd /w/d")
        await environment.step("rmdir /w/d")
        assert "chdir to cwd" in (await environment.step("ls")).observation


async def test_time_is_limited(suite: CompatSuite, worlds: Counting) -> None:
    suite.limits = Limits(step_seconds=0.3)
    async with await begun(suite, worlds, 0) as environment:
        seen, _, terminated, _, info = await environment.step("echo early; sleep 30")
        assert (seen, info["outcome"], info["valid"]) == (
            "Command timed out",
            Outcome.TIMEOUT,
            False,
        )
        assert not terminated
        assert (await environment.step("echo on")).observation == "on\n"


async def test_submitting_pays_for_answer_and_files(suite: CompatSuite, worlds: Counting) -> None:
    async with await begun(suite, worlds, 0) as environment:
        await environment.step("cat w/a")
        seen, reward, terminated, _, info = await environment.step("submit")
        assert (seen, reward, terminated) == ("one two\n", 1.0, True)
        assert info["reward_parts"] == {
            "file_diff": 0.33,
            "file_changes": 0.33,
            "answer_similarity": 0.33,
        }
    async with await begun(suite, worlds, 0) as environment:
        await environment.step("echo one two; touch new")
        assert (await environment.step(Submit(answer="ignored"))).reward == pytest.approx(0.72)
    async with await begun(suite, worlds, 0) as environment:
        # Before any action the observation is the query itself.
        result = await environment.step("submit_job.sh")
        assert (result.observation, result.terminated) == (suite.tasks[0].query, True)


async def test_contents_of_new_files_count(suite: CompatSuite, worlds: Counting) -> None:
    rewards = []
    for action in ("cp w/a w/b.txt", "echo other > w/b.txt", "cp w/a w/c.txt"):
        async with await begun(suite, worlds, 1) as environment:
            await environment.step(action)
            rewards.append((await environment.step("submit")).reward)
    assert rewards == [1.0, pytest.approx(0.67), pytest.approx(0.67)]


async def test_folders_are_hashed_whole_or_not_at_all(suite: CompatSuite, worlds: Counting) -> None:
    async with await begun(suite, worlds, 5) as environment:
        await environment.step("mkdir w/new; cp w/a w/new/f")
        assert (await environment.step("submit")).reward == 1.0


async def test_skipping_ends_the_episode(suite: CompatSuite, worlds: Counting) -> None:
    for action in ("skip", Skip()):
        async with await begun(suite, worlds, 0) as environment:
            assert (await environment.step(action))[:3] == ("skipped", 0.0, True)


async def test_every_turn_can_be_scored(suite: CompatSuite, worlds: Counting) -> None:
    suite.score_every_turn = True
    async with await begun(suite, worlds, 0) as environment:
        rewards = [(await environment.step(a)).reward for a in ("touch x", "cat w/a", "rm x")]
    assert rewards == [pytest.approx(0.39), pytest.approx(0.72), pytest.approx(0.67)]


@pytest.mark.parametrize(
    ("task", "action", "said"),
    [(0, "cd", "bash_env.py:43"), (0, "touch '/w/a b'", "IndexError"), (4, "true", "IndexError")],
)
async def test_where_the_original_dies_the_episode_ends(
    suite: CompatSuite, worlds: Counting, task: int, action: str, said: str
) -> None:
    suite.score_every_turn = True
    async with await begun(suite, worlds, task) as environment:
        result = await environment.step(action)
        assert (result.reward, result.terminated) == (0.0, True)
        assert result.info["outcome"] is Outcome.REFUSED
        assert said in result.info["original_error"]


async def test_gold_runs_in_a_used_world(suite: CompatSuite, worlds: Counting) -> None:
    gold = await suite.golds.get(suite.tasks[2], worlds)
    # The link of last time is not reset; the new one is made where it points to.
    assert gold.side(0).changes == gold.side(1).changes == {("w/w", "??")}


async def test_what_gold_took_away_is_new_the_next_time(
    suite: CompatSuite, worlds: Counting
) -> None:
    gold = await suite.golds.get(suite.tasks[6], worlds)
    assert gold.side(0).changes == {("w/a", "D")}
    assert gold.side(1).changes == gold.side(2).changes == set()


async def test_gold_that_is_no_text_is_no_answer(suite: CompatSuite, worlds: Counting) -> None:
    gold = await suite.golds.get(suite.tasks[3], worlds)
    assert gold.side(0).answer is None


async def test_gold_is_run_once_for_all(suite: CompatSuite, worlds: Counting) -> None:
    async def one() -> None:
        async with await begun(suite, worlds, 0) as environment:
            await environment.step("submit")

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(one)
    assert worlds.opened == 6


async def test_a_cancelled_run_of_gold_is_taken_over(suite: CompatSuite, worlds: Counting) -> None:
    found = []

    async def wait() -> None:
        found.append(await suite.golds.get(suite.tasks[0], worlds))

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as first:
                first.start_soon(suite.golds.get, suite.tasks[0], worlds)
                await anyio.sleep(0.01)
                group.start_soon(wait)
                scope.cancel()
    assert len(found) == 1


async def test_an_image_of_another_file_system_is_refused(
    suite: CompatSuite, worlds: Counting
) -> None:
    suite.tasks[0].metadata["filesystem"] = "nl2bash_fs_4"  # type: ignore[index]
    environment = suite.environment(suite.tasks[0], worlds)
    with pytest.raises(TaskDataError, match="made for the file system 'nl2bash_fs_4'"):
        await environment.reset()
    await environment.aclose()


async def test_nothing_can_be_done_before_reset_or_after_closing(
    suite: CompatSuite, worlds: Counting
) -> None:
    environment = suite.environment(suite.tasks[0], worlds)
    with pytest.raises(InputError, match="reset"):
        await environment.step("ls")
    await environment.reset()
    await environment.aclose()
    with pytest.raises(InputError, match="reset"):
        await environment.step("ls")


async def test_files_are_minutes_old(suite: CompatSuite, worlds: Counting) -> None:
    for young in (suite, suite.reborn(birth(time.time()))):
        async with await begun(young, worlds, 0) as environment:
            for action in ("find /w -type f -mmin +5", "find /w -type f -mmin -60"):
                assert (await environment.step(action)).observation == "/w/a\n"


async def test_a_full_clone_is_played_from_its_script(tmp_path: Path, worlds: Counting) -> None:
    data = clone(tmp_path / "clone", manifest=False)
    suite = load("intercode/nl2bash-2", data=data, compat="intercode", base="host")
    assert isinstance(suite, CompatSuite)
    async with await begun(suite, worlds, 1) as environment:
        await environment.step("cp w/a w/b")
        assert (await environment.step("submit")).reward == 1.0
