"""Who may import whom, kept true by reading the sources."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
DRIVERS = {
    "aiodocker": "docker",
    "podman": "podman",
    "asyncpg": "postgres",
    "psycopg": "postgres",
    "aiomysql": "mysql",
    "pymysql": "mysql",  # which aiomysql is built on, and takes its errors from
    "aiosqlite": "sqlite",
}
CORE = [
    path
    for path in (ROOT / "asynccode").rglob("*.py")
    if path.relative_to(ROOT / "asynccode").parts[0] not in ("backends", "tasks")
]
BACKENDS = [*(ROOT / "backends").rglob("*.py")]
TASKS = [*(ROOT / "tasks").rglob("*.py")]
ALL = [*CORE, *BACKENDS, *TASKS]


def module_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    inside = relative if relative.parts[0] == "asynccode" else Path("asynccode") / relative
    return ".".join(inside.with_suffix("").parts)


def imported(path: Path) -> Iterator[str]:
    package = module_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package[: len(package) - node.level + 1]
                base = ".".join([*up, base]).rstrip(".")
            yield base
            # `from asynccode import tasks` names a module too.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def forbidden(paths: Iterable[Path], *packages: str) -> dict[str, list[str]]:
    """Give the files that import from one of the packages, and what."""
    found = {
        str(path.relative_to(ROOT)): [
            module
            for module in imported(path)
            if any(is_within(module, package) for package in packages)
        ]
        for path in paths
    }
    return {path: modules for path, modules in found.items() if modules}


def test_the_rooms_and_the_imports_in_them_are_found() -> None:
    assert len(CORE) > 10
    assert len(BACKENDS) > 1
    assert len(TASKS) > 1
    assert len(forbidden(ALL, "asynccode.interfaces")) > 5


def test_the_core_imports_neither_backends_nor_tasks() -> None:
    assert forbidden(CORE, "asynccode.backends", "asynccode.tasks") == {}


def test_backends_do_not_import_tasks_nor_tasks_backends() -> None:
    assert forbidden(BACKENDS, "asynccode.tasks") == {}
    assert forbidden(TASKS, "asynccode.backends") == {}


def test_the_package_imports_nothing_that_only_its_neighbours_have() -> None:
    assert forbidden(ALL, "tests", "benchmarks", "backends", "tasks", "pytest", "trio") == {}
    assert forbidden(ALL, "sklearn", "scipy", "pandas", "numpy") == {}


def test_a_driver_is_imported_in_its_own_backend_only() -> None:
    found = {
        path: {DRIVERS[name] for m in imported(path) if (name := m.partition(".")[0]) in DRIVERS}
        for path in ALL
    }
    users = {path: drivers for path, drivers in found.items() if drivers}
    assert [path for path in users if path not in BACKENDS] == []
    # aiomysql is pymysql with another way to wait: they are one driver.
    apart = {path: drivers - {"pymysql"} for path, drivers in users.items()}
    assert [path for path, drivers in apart.items() if len(drivers) > 1] == []


def test_the_client_of_chat_models_is_imported_by_agents_only() -> None:
    users = forbidden(ALL, "openai", "httpx2")
    assert len(users) > 1
    assert [path for path in users if not path.startswith("asynccode/agents/")] == []


def test_the_library_does_not_import_the_command_line() -> None:
    library = [p for p in CORE if "cli" not in p.parts and p.name != "__main__.py"]
    assert forbidden(library, "asynccode.cli", "argparse") == {}


def test_concurrency_in_the_core_goes_through_anyio() -> None:
    found = forbidden(CORE, "asyncio", "concurrent")
    # What every step goes through takes a short cut where asyncio is the loop, and goes through
    # anyio elsewhere.
    short_cuts = ("shell/hub.py", "shell/bell.py", "shell/channel.py", "python/alarm.py")
    # Whether a task itself was cancelled, and by nobody's scope, asyncio alone knows.
    known = (*short_cuts, "asynccode/escapes.py")
    assert [path for path in found if not str(path).endswith(known)] == []


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
    heavy = {
        "openai",
        "httpx2",
        "asyncio",
        "trio",
        "rich",
        "argparse",
        "subprocess",
        "unittest",
        "urllib.request",
    }
    assert not heavy & modules
    packages = ("asynccode.backends", "asynccode.tasks", "asynccode.cli", "asynccode.testing")
    assert [m for m in modules if any(is_within(m, package) for package in packages)] == []
    assert seen["threads"] == 1
    assert seen["fds"] == 0
    assert seen["files"] == []


def test_every_export_is_there_and_named_once() -> None:
    import asynccode

    assert sorted(set(asynccode.__all__)) == asynccode.__all__
    for exported in asynccode.__all__:
        assert hasattr(asynccode, exported)
