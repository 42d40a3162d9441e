"""Fixtures: event loops, real backends that skip by probe, and a check that nothing leaks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NoReturn

import anyio
import pytest

from asynccode.backends import debian, layers, owners
from asynccode.backends.local import LocalBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.interfaces import Health

REPOSITORY = Path(__file__).parent.parent
REQUIRED = set(filter(None, os.environ.get("ASYNCCODE_REQUIRE", "").split(",")))
"""Services that must not be skipped: .ci/run names those that our scripts can start."""


SERVICES = Path(
    os.environ.get("ASYNCCODE_SERVICES")
    or Path(os.environ.get("TMPDIR") or "/tmp") / f"asynccode-databases-{os.getuid()}"
)
"""Where tests/database_services puts the servers that it starts."""
for _variable, _socket, _dsn in (
    ("ASYNCCODE_POSTGRES", "postgres/run", "postgresql://asynccode@/postgres?host={}"),
    ("ASYNCCODE_MYSQL", "mysql/run/socket", "mysql://root@/?unix_socket={}"),
):
    if (SERVICES / _socket).exists():
        os.environ.setdefault(_variable, _dsn.format(SERVICES / _socket))


LONG = (
    *("test_engines_conformance", "test_conformance", "test_containerfile_builds"),
    *("test_rootless_podman", "test_bash_golds", "test_engine_cancellation", "test_engine_killed"),
    *("test_engines", "test_python_suite", "test_recycling_traces", "test_user"),
)
"""Files that take a minute or more. They come first, or one would be the last thing to run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, in that order."""
    items.sort(key=lambda item: [*LONG, item.path.stem].index(item.path.stem))


def unavailable(service: str, reason: str) -> NoReturn:
    """Skip a test for want of a service, or fail it where the service was to be had."""
    if service in REQUIRED:
        pytest.fail(f"{service} is required here: {reason}")
    pytest.skip(f"{service}: {reason}")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _open_descriptors() -> set[str]:
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{fd}:{os.readlink(f'/proc/self/fd/{fd}')}")
        except OSError:
            continue
    return {name for name in found if "/proc/" not in name}


@pytest.fixture
def nothing_leaks() -> Iterator[None]:
    """No descriptor, child or control group of ours is left behind."""
    before = _open_descriptors()
    yield
    after = _open_descriptors()
    assert after - before == set()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    assert children == []
    groups = list(Path("/sys/fs/cgroup").glob(f"*/asynccode-{owners.me().label}*"))
    assert groups == []


@pytest.fixture(scope="session")
def nsjail_health() -> Health:
    return anyio.run(NsjailBackend.probe)


@pytest.fixture
async def nsjail_backend(
    nothing_leaks: None, nsjail_health: Health
) -> AsyncIterator[NsjailBackend]:
    if not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    async with NsjailBackend() as backend:
        yield backend


@pytest.fixture
async def local_backend(nothing_leaks: None) -> AsyncIterator[LocalBackend]:
    async with LocalBackend() as backend:
        yield backend


@pytest.fixture(scope="session")
def intercode_data() -> Path:
    folder = Path(os.environ.get("ASYNCCODE_DATA") or REPOSITORY.parent / "shared" / "intercode")
    if not (folder / "data").is_dir():
        unavailable("data", f"it is not in {folder}; name its folder in $ASYNCCODE_DATA")
    return folder


@pytest.fixture(scope="session")
def debian_base() -> str:
    """The name of the Debian 12 base, which root can build and others can only find."""
    name = "debian-12-intercode"
    if not layers.is_built(name) and (os.getuid() != 0 or not debian.can_build()):
        unavailable("debian", f"it is not built; as root: asynccode images build {name}")
    return name
