"""Scenes of challenges: what is there before the agent, services, what it cannot read."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from asynccode.backends import host
from asynccode.backends.nsjail import NsjailBackend
from asynccode.episode import play
from asynccode.errors import BackendError, TaskDataError
from asynccode.images import Image
from asynccode.outcomes import Limits, Outcome
from asynccode.policies import Gold
from asynccode.records import Task
from asynccode.tasks.ctf.challenge import Challenge, Scene
from asynccode.tasks.ctf.flags import TOKEN, body
from asynccode.tasks.ctf.scene import furnish
from asynccode.tasks.ctf.suite import CtfSuite, load
from asynccode.testing.fakes import FakeBackend
from asynccode.testing.faults import Faults
from tests.ctf_world import FLAG, environment

pytestmark = pytest.mark.anyio


async def test_nothing_is_left_when_a_scene_cannot_be_set_up() -> None:
    backend = FakeBackend()
    async with environment(backend, Scene(setup=["exit 3"])) as made:
        with pytest.raises(TaskDataError, match="'t' cannot be set up: 'exit 3' ended with 127"):
            await made.reset()
    assert backend.statistics()["open"] == 0
    async with environment(FakeBackend(Faults(fail={"exec": 1})), Scene(setup=["true"])) as made:
        with pytest.raises(BackendError, match="exec"):
            await made.reset()


async def test_a_missing_python_is_named_with_the_remedy() -> None:
    async with environment(FakeBackend(), Scene(service="")) as made:
        with pytest.raises(TaskDataError, match="needs python3 in its sandbox: name a --base"):
            await made.reset()


@pytest.mark.nsjail
async def test_files_modes_and_set_up_are_there_before_the_agent(
    nsjail_backend: NsjailBackend,
) -> None:
    scene = Scene(
        files={"a/run": b"#!/bin/sh\necho ran\n"}, modes={"a/run": 0o755}, setup=["cp a/run b"]
    )
    async with environment(nsjail_backend, scene) as made:
        await made.reset()
        assert (await made.step("./b; ls -A")).observation == "ran\na\nb\n"
        result = await made.step("sleep 9 & exit 4")
        assert (result.info["outcome"], result.reward) == (Outcome.NONZERO, None)


@pytest.mark.nsjail
async def test_a_set_up_command_that_fails_is_named(nsjail_backend: NsjailBackend) -> None:
    made = environment(nsjail_backend, Scene(setup=["echo no luck; false"]))
    async with made:
        with pytest.raises(TaskDataError, match="ended with 1 and said 'no luck'; it may need"):
            await made.reset()


ECHO = "def converse(reader, writer):\n    writer.write(reader.readline().upper())\n"
CALL = "exec 3<>/dev/tcp/127.0.0.1/7000; echo hello >&3; cat <&3; exec 3>&-"


@pytest.mark.nsjail
async def test_a_service_survives_steps_that_end_badly(nsjail_backend: NsjailBackend) -> None:
    scene = Scene(service=ECHO, secret=FLAG)
    limits = Limits(step_seconds=0.5)
    async with environment(nsjail_backend, scene, limits=limits) as made:
        await made.reset()
        assert (await made.step(CALL)).observation == "HELLO\n"
        assert (await made.step("sleep 60")).info["outcome"] is Outcome.TIMEOUT
        assert (await made.step("kill -9 $$")).info["restarted"]
        assert (await made.step(CALL)).observation == "HELLO\n"
        assert (await made.step("ls -A")).observation == ""
        assert await made.sandbox.changes() == ()


LOOK = r"""
cd /proc; for p in [0-9]*; do
  cat $p/environ $p/maps 2>/dev/null
  dd if=$p/mem bs=1M count=1 2>/dev/null
done | tr '\0' '\n' | grep -a 'service\|{right' | head
pid=$(pgrep -f .harness.py)
cat $pid/environ; ls -l $pid/cwd; head -c1 $pid/mem; python3 -c 'import ctypes, sys
print(ctypes.CDLL(None).ptrace(16, int(sys.argv[1]), 0, 0))' $pid
"""


@pytest.mark.nsjail
async def test_root_of_a_sandbox_cannot_look_into_its_service(
    nsjail_backend: NsjailBackend,
) -> None:
    async with environment(nsjail_backend, Scene(service=ECHO, secret=FLAG)) as made:
        await made.reset()
        seen = (await made.step(LOOK)).observation
        assert FLAG not in seen
        assert seen.count("Permission denied") == 3, seen
        assert seen.splitlines()[-1] == "-1", seen
        found = await made.step("setpriv --reuid=1 --clear-groups true; cat /proc/*/environ | cat")
        assert FLAG not in found.observation


@pytest.mark.nsjail
async def test_a_service_that_does_not_start_is_a_harness_failure(
    nsjail_backend: NsjailBackend,
) -> None:
    async with environment(nsjail_backend, Scene(service="import nothing_like_it")) as made:
        with pytest.raises(BackendError, match=r"did not start.*ModuleNotFoundError"):
            await made.reset()


@pytest.mark.nsjail
async def test_two_sandboxes_serve_on_the_same_port(nsjail_backend: NsjailBackend) -> None:
    scene = Scene(service=ECHO)
    async with (
        environment(nsjail_backend, scene) as first,
        environment(nsjail_backend, scene) as second,
    ):
        await first.reset()
        await second.reset()
        assert (await first.step(CALL)).observation == "HELLO\n"


WHOLE = (
    "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ > /tmp/processes 2>/dev/null;"
    " grep -rlaF -e {} / --exclude-dir=sys --exclude-dir=usr --exclude-dir=proc 2>/dev/null"
)


@pytest.mark.nsjail
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_grep_over_the_whole_sandbox_finds_no_flag(nsjail_backend: NsjailBackend) -> None:
    suite, room = load("ctf", seed=3), anyio.CapacityLimiter(4)
    found = {}

    async def one(task: Task) -> None:
        async with room, suite.environment(task, nsjail_backend) as made:
            await made.reset()
            token = body(suite.flag(task))[-TOKEN:]
            # The word is split so that the search does not find itself.
            found[task.id] = (
                await made.step(WHOLE.format(f"{token[:6]}''{token[6:]}"))
            ).observation

    async with anyio.create_task_group() as group:
        for task in suite.tasks:
            group.start_soon(one, task)
    assert found == dict.fromkeys(found, "")
    assert len(found) == len(suite.tasks)


@pytest.mark.nsjail
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_every_gold_finds_a_flag_that_nobody_wrote_down(
    nsjail_backend: NsjailBackend,
) -> None:
    suite, room = load("ctf", seed=11), anyio.CapacityLimiter(4)
    unsolved = []

    async def one(task: Task) -> None:
        async with room:
            made = await play(
                task,
                suite=suite,
                backend="nsjail",
                policy=Gold(),
                worlds=nsjail_backend,
                attempt=1,
            )
            if not made.solved:
                unsolved.append((task.id, made.error, made.steps[-1:]))

    async with anyio.create_task_group() as group:
        for task in suite.tasks:
            group.start_soon(one, task)
    assert unsolved == []


async def test_the_audit_names_what_gives_a_flag_away() -> None:
    def careless(flag: str, _: object) -> Scene:
        return Scene(
            files={"a": b"x" + flag.encode(), f"b-{body(flag)}": flag.encode().hex().encode()}
        )

    challenge = Challenge(
        name="general-careless", difficulty="easy", query="Look.", build=careless, gold=["cat a"]
    )
    suite = CtfSuite([challenge])
    remarks = await suite.remarks(suite.tasks[0], FakeBackend())
    said = {remark.text for remark in remarks if remark.is_fault}
    assert "the flag (plain) is in /work/a" in said
    assert "the flag (plain) is in a file's name" in said
    assert any(text.startswith("the flag (hex) is in /work/b-") for text in said)


async def test_a_scene_can_be_put_into_any_sandbox() -> None:
    backend = FakeBackend()
    async with await backend.open(Image(), Limits()) as sandbox:
        await furnish(sandbox, Scene(files={"x/y": b"1"}), task="t", workdir="/w")
        assert await sandbox.read("/w/x/y") == b"1"


def test_golds_of_an_installation_for_the_whole_machine_are_hidden() -> None:
    assert host.hidden(Path("/usr/local/lib/python3/site-packages/asynccode/tasks")) == (
        "/usr/local/lib/python3/site-packages/asynccode/tasks",
    )
    assert host.hidden(Path("/home/mira/asynccode/tasks")) == ()


@pytest.mark.nsjail
async def test_a_hidden_folder_is_empty_in_a_jail(
    nsjail_backend: NsjailBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "/usr/share/doc"
    if not os.path.isdir(place) or not os.listdir(place):
        pytest.skip(f"there is nothing in {place}")
    monkeypatch.setattr(host, "hidden", lambda: (place,))
    async with await nsjail_backend.open(Image(), Limits()) as sandbox:
        result = await sandbox.exec(["ls", "-A", place, f"{place}/.."])
        assert result.text.startswith(f"{place}:\n\n{place}/..:\n")
        result = await sandbox.exec(["touch", f"{place}/x"])
        assert "Read-only file system" in result.text or "No space" in result.text
        assert await sandbox.changes() == ()
