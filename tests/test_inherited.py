"""A sandbox is the same, whatever our own process has from whoever started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asynccode.outcomes import Health

from .conftest import unavailable

SIGNALS = """
import signal, sys
import anyio
from asynccode import registry
from asynccode.images import Image
from asynccode.outcomes import Limits

for name in ("INT", "QUIT", "HUP", "TERM"):
    signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
TELL = "grep -E 'Sig(Ign|Blk)' /proc/self/status"
TRAP = "trap 'echo trapped' INT; kill -INT $$"

async def main():
    async with registry.load_backend(sys.argv[1]) as backend:
        for image in (Image(), Image(shell="/bin/bash")):
            async with await backend.open(image, Limits()) as sandbox:
                print((await sandbox.exec(["bash", "-c", f"{TELL}; {TRAP}"])).text, end="")
                program = await sandbox.start(["bash", "-c", f"{TELL}; {TRAP}"])
                while data := await program.receive():
                    print(data.decode(), end="")
                if not image.shell:
                    session = await sandbox.session()
                    print((await session.run(f"{TELL}; {TRAP}")).text, end="")

anyio.run(main)
"""
"""Tells which signals are ignored or blocked, in whatever can run there."""
OF_THE_C_LIBRARY = 0b11 << 31
"""Two that a program that was spawned ignores until it has a thread."""

MODES = """
import os, sys
import anyio
from asynccode import registry
from asynccode.images import Entry, Image, Manifest, Run
from asynccode.outcomes import Limits

os.umask(int(sys.argv[2], 8))
file = Entry(path="/work/some/deep", type="file", content=b"deep", mode=0o640)
layers = [Manifest(entries=[file])]
if sys.argv[1] == "nsjail":
    layers.append(Run(line="mkdir /made && touch /made/file"))

async def main():
    async with registry.load_backend(sys.argv[1]) as backend:
        async with await backend.open(Image(layers=layers, workdir="/work"), Limits()) as sandbox:
            await sandbox.write("given/file", b"x")
            await (await sandbox.session()).run("touch session; mkdir in_session")
            await sandbox.exec(["touch", "program"])
            await (await sandbox.start(["touch", "started"])).wait()
            where = ["/"] if sys.argv[1] == "nsjail" else ["."]
            found = await sandbox.exec(["find", *where, "-xdev", "-printf", r"%m %U %p\\n"])
            print(found.text, end="")

anyio.run(main)
"""
"""Tells the modes of all that is in a world."""


@pytest.mark.parametrize("name", ["nsjail", "local"])
def test_a_sandbox_minds_every_signal_though_we_were_started_in_the_background(
    name: str, nsjail_health: Health
) -> None:
    if name == "nsjail" and not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")
    command = [sys.executable, "-c", SIGNALS, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert [words[0] for words in told] == ["SigBlk:", "SigIgn:", "trapped"] * 5
    signals = [int(mask, 16) & ~OF_THE_C_LIBRARY for _, mask in filter(lambda w: w[1:], told)]
    assert not any(signals)


@pytest.mark.parametrize("name", ["nsjail", "local"])
def test_what_is_made_has_the_usual_modes_though_our_umask_is_strict(
    name: str, nsjail_health: Health, tmp_path: Path
) -> None:
    if name == "nsjail" and not nsjail_health.available:
        unavailable("nsjail", nsjail_health.reason or "")

    def told(umask: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", MODES, name, umask],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / umask)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return sorted(done.stdout.splitlines())

    usual, strict = told("022"), told("077")
    assert any("deep" in line for line in usual)
    assert strict == usual
