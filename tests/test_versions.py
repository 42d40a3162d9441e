"""What a manifest says a run was made with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from asynccode import __version__
from asynccode.cli import main
from asynccode.testing.fakes import FakeBackend
from asynccode.versions import commit, versions

FAKES = "asynccode.testing.fakes"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.check_output(["git", *who, "-C", str(folder), *words], text=True).strip()


def test_a_package_run_from_a_checkout_names_its_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    file = tmp_path / "__init__.py"
    file.write_text("")
    assert commit(tmp_path) is None, "it lies in a checkout, but is no part of it"
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(tmp_path) == head
    file.write_text("changed = True\n")
    assert commit(tmp_path) == head + "-dirty"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None


@pytest.mark.anyio
async def test_versions_are_ours_and_the_backends() -> None:
    found = await versions(FakeBackend())
    assert found["asynccode"] == __version__
    assert found["backend"] == (await FakeBackend.probe()).version
    assert set(found) == {"asynccode", "commit", "backend", "python", "kernel"}


def test_a_run_folder_says_what_it_was_made_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", f"{FAKES}:FakeSuite", "--limit", "1", "--backend", f"{FAKES}:FakeBackend"]
    assert main([*words, "--output", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cost"] is None
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["versions"]["asynccode"] == __version__
    assert manifest["token_prices"] is None
