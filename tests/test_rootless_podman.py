"""Podman without root: what it holds, what it cannot, and that both are said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import unavailable
from .rootless import UID, RootlessPodman, missing, rootless_podman
from .test_user import interpreter

pytestmark = [pytest.mark.engine, pytest.mark.user]

DIFFERENCES = {
    "Names with spaces, newlines and bytes that are not UTF-8 are told exactly": (
        "changes come through the engine, as JSON, which has no other bytes"
    ),
    "Changes of what is being swapped for links and pipes are told soon, and are none of ours": (
        "an engine fails to pack what turns into something else meanwhile"
    ),
    "Hollow files, many names of one file, very deep folders: told soon, and exactly": (
        "an engine gives no path of over 4096 bytes"
    ),
    "Nobody else in the sandbox can open what a program is told and heard on": (
        "an engine gives pipes, which the same user can open through /proc"
    ),
}
"""Checks that fail, and why; any other one that fails is an error, and so is one that does not."""
SKIPPED = {"users", "disk", "process_count"}
"""What is not claimed without root and control groups of version 2."""


@pytest.fixture(scope="module")
def podman() -> Iterator[RootlessPodman]:
    if reason := missing():
        unavailable("rootless", reason)
    with rootless_podman() as found:
        yield found


def asynccode(podman: RootlessPodman, *words: str) -> dict[str, Any]:
    done = podman.run(interpreter(), "-m", "asynccode", *words, "--json", seconds=300)
    assert done.stdout.startswith("{"), done.stderr[-1000:] + podman.words
    report: dict[str, Any] = json.loads(done.stdout)
    return report


SEARCH = """
import os, sys
from asynccode.backends.podman import address
from asynccode.errors import Unavailable
os.setuid(65534)
try:
    address()
except Unavailable as error:
    print(error.reason)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root has folders that others may not look into")
def test_a_folder_of_somebody_else_s_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "podman").mkdir(mode=0o700)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    environment.pop("CONTAINER_HOST", None)
    done = subprocess.run(
        [sys.executable, "-c", SEARCH], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "no service of Podman was found\n", done.stderr


def test_doctor_finds_the_user_s_own_service_and_says_what_is_weaker(
    podman: RootlessPodman,
) -> None:
    health = asynccode(podman, "doctor")["backends"]["podman"]
    assert health["available"], health
    assert str(podman.socket) in health["version"]
    assert "root of a container is root outside" not in health["reason"]
    if not podman.has_groups():
        assert "memory is limited per process, not per sandbox" in health["reason"]
        assert "the number of processes is not limited" in health["reason"]
        assert "run the engine as root" in health["remedy"]


@pytest.mark.timeout(360)
def test_the_conformance_suite_passes_but_for_what_is_listed(podman: RootlessPodman) -> None:
    report = asynccode(podman, "check", "podman")
    failed = {check["name"]: check["reason"] for check in report["checks"] if check["ok"] is False}
    assert failed.keys() == DIFFERENCES.keys(), failed
    skipped = [check["reason"] for check in report["checks"] if check["ok"] is None]
    reasons = [reason for reason in skipped if "does not isolate" in reason]
    missed = {word.strip(",") for reason in reasons for word in reason.split("isolate ")[1].split()}
    assert missed <= SKIPPED, reasons
    assert report["passed"] > 65


WRITE = """
import anyio
from asynccode.images import Image
from asynccode.outcomes import Limits, MiB
from asynccode.registry import load_backend
async def main():
    async with load_backend("podman") as backend:
        async with await backend.open(Image(), Limits(disk_bytes=MiB)) as sandbox:
            await sandbox.write("/tmp/full", bytes(MiB))
            try:
                await sandbox.write("/tmp/full", bytes(MiB + 1))
            except OSError as error:
                print(error.strerror)
anyio.run(main)
"""


def test_what_is_written_from_outside_meets_the_limit_that_the_engine_does_not_set(
    podman: RootlessPodman,
) -> None:
    done = podman.run(interpreter(), "-c", WRITE, seconds=100)
    assert done.stdout == "No space left on device\n", done.stderr[-1000:]


def test_gold_solves_tasks_and_nothing_is_left(podman: RootlessPodman) -> None:
    words = ("run", "bash", "--policy", "gold", "--limit", "4", "--backend", "podman")
    report = asynccode(podman, *words, "--concurrency", "2")
    assert report["solved"] == report["episodes"] == 4
    assert podman.run("podman", "ps", "--all", "--quiet").stdout == ""


def test_root_of_a_container_is_the_user_outside(podman: RootlessPodman) -> None:
    code = (
        "import anyio, asynccode\n"
        "async def main():\n"
        "    async with asynccode.open('podman') as world:\n"
        "        print('{\"map\": \"' + (await world.run('cat /proc/self/uid_map')).text"
        ".split('\\n')[0] + '\"}')\n"
        "anyio.run(main)\n"
    )
    done = podman.run(interpreter(), "-c", code)
    assert json.loads(done.stdout)["map"].split() == ["0", str(UID), "1"], done.stderr[-500:]
