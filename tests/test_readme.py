"""The README's example runs, and prints what the README says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from asynccode.backends.nsjail import NsjailBackend

from .conftest import REPOSITORY


@pytest.mark.nsjail
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_the_example_prints_what_stands_below_it(nsjail_backend: NsjailBackend) -> None:
    text = (REPOSITORY / "README.md").read_text()
    code, output = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL).groups()  # type: ignore[union-attr]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said = [line.rstrip() for line in done.stdout.splitlines()]
    assert said == output.splitlines()


def test_every_file_it_names_is_there() -> None:
    for page in (
        "README.md",
        "backends/README.md",
        "tasks/README.md",
        "asynccode/EMBEDDING.md",
        "asynccode/agents/README.md",
    ):
        folder = (REPOSITORY / page).parent
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", (REPOSITORY / page).read_text()):
            assert (folder / link).exists(), f"{page} links to {link}"
