"""Who may import whom, kept true by reading the sources."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DRIVERS = {"aiodocker", "podman", "asyncpg", "aiomysql", "pymysql", "aiosqlite", "psycopg"}
CORE = sorted(
    path
    for path in (ROOT / "asynccode").rglob("*.py")
    if not {"backends", "tasks"} & set(path.relative_to(ROOT / "asynccode").parts[:1])
)
BACKENDS = sorted((ROOT / "backends").rglob("*.py"))
TASKS = sorted((ROOT / "tasks").rglob("*.py"))
ALL = [*CORE, *BACKENDS, *TASKS]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    inside = relative if relative.parts[0] == "asynccode" else Path("asynccode") / relative
    parts = inside.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    package = module_of(path)
    if path.name != "__init__.py":
        package = package.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base]).rstrip(".")
            yield base
            # `from asynccode import tasks` names a module too.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def forbidden(path: Path, *packages: str) -> list[str]:
    return [m for m in imported(path) if any(is_within(m, package) for package in packages)]


def test_the_rooms_were_found() -> None:
    assert len(CORE) > 10
    assert len(BACKENDS) > 1
    assert len(TASKS) > 1


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_imports_neither_backends_nor_tasks(path: Path) -> None:
    assert not forbidden(path, "asynccode.backends", "asynccode.tasks")


@pytest.mark.parametrize("path", BACKENDS, ids=name)
def test_backends_do_not_import_tasks(path: Path) -> None:
    assert not forbidden(path, "asynccode.tasks")


@pytest.mark.parametrize("path", TASKS, ids=name)
def test_tasks_do_not_import_backends(path: Path) -> None:
    assert not forbidden(path, "asynccode.backends")


@pytest.mark.parametrize("path", ALL, ids=name)
def test_the_package_imports_nothing_that_only_its_neighbours_have(path: Path) -> None:
    assert not forbidden(path, "tests", "benchmarks", "backends", "tasks", "pytest", "trio")
    assert not forbidden(path, "sklearn", "scipy", "pandas", "numpy")


@pytest.mark.parametrize("path", ALL, ids=name)
def test_a_driver_is_imported_in_its_own_backend_only(path: Path) -> None:
    found = {module.partition(".")[0] for module in imported(path)} & DRIVERS
    assert not found or path.is_relative_to(ROOT / "backends")
    assert len(found) <= 1


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_library_does_not_import_the_command_line(path: Path) -> None:
    if "cli" not in path.parts and path.name != "__main__.py":
        assert not forbidden(path, "asynccode.cli", "argparse")


@pytest.mark.parametrize("path", ALL, ids=name)
def test_concurrency_goes_through_anyio(path: Path) -> None:
    if path.is_relative_to(ROOT / "asynccode"):
        assert not forbidden(path, "asyncio", "concurrent")


PROBE = """
import json, os, sys, threading
before = set(os.listdir("/proc/self/fd"))
import asynccode
print(json.dumps({
    "modules": sorted(sys.modules),
    "threads": threading.active_count(),
    "fds": len(set(os.listdir("/proc/self/fd")) - before),
    "files": os.listdir("."),
}))
"""


def test_importing_is_light_and_has_no_side_effects(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    seen = json.loads(ran.stdout)
    modules = set(seen["modules"])
    heavy = {"asyncio", "trio", "rich", "argparse", "subprocess", "unittest", "urllib.request"}
    assert not heavy & modules
    assert not [m for m in modules if is_within(m, "asynccode.backends")]
    assert not [m for m in modules if is_within(m, "asynccode.tasks")]
    assert not [m for m in modules if is_within(m, "asynccode.cli")]
    assert seen["threads"] == 1
    assert seen["fds"] == 0
    assert seen["files"] == []


def test_every_export_is_there_and_named_once() -> None:
    import asynccode

    assert sorted(set(asynccode.__all__)) == asynccode.__all__
    for exported in asynccode.__all__:
        assert hasattr(asynccode, exported)
