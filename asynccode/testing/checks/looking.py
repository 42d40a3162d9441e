"""Looking at the changes of a sandbox that does its worst meanwhile."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import time
from pathlib import Path

import anyio

from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Limits, MiB, Outcome
from asynccode.testing.checks.base import checks, expect

LOOK_SECONDS = 2.0
"""How long to look, again and again, at what changes all the time."""
LARGE = Limits(step_seconds=30, disk_bytes=128 * MiB)
SWAP = r"""
cat >/tmp/swap.py <<'END'
import ctypes, os, sys
exchange = ctypes.CDLL(None).renameat2
os.makedirs("/tmp/w")
os.chdir("/tmp/w")
pairs = []
for i in range(20):
    os.mkdir(f"folder{i}")
    for name in (f"folder{i}/own", f"file{i}", f"other{i}"):
        with open(name, "w") as file:
            file.write("own")
    os.symlink(os.path.dirname(sys.argv[1]), f"away{i}")
    os.symlink(sys.argv[1], f"link{i}")
    os.mkfifo(f"pipe{i}")
    for one, two in (("folder", "away"), ("file", "link"), ("other", "pipe")):
        pairs.append((f"{one}{i}".encode(), f"{two}{i}".encode()))
print("ready", flush=True)
while True:
    for one, two in pairs:
        exchange(-100, one, -100, two, 2)
END
"""


@checks("files")
async def what_is_swapped_leads_nowhere(backend: Backend) -> None:
    """Changes of what is being swapped for links and pipes are told soon, and are none of ours."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder, f"secret-{secrets.token_hex(8)}")
        secret.write_bytes(os.urandom(64))
        foreign = hashlib.sha256(secret.read_bytes()).hexdigest()
        async with await backend.open(Image(), LARGE) as sandbox:
            session = await sandbox.session()
            await session.run(SWAP)
            begun = await session.run(f"python3 /tmp/swap.py {secret} >/tmp/said 2>&1 &")
            assert begun.outcome is Outcome.OK, begun.text
            with anyio.fail_after(10):
                while (await session.run("grep ready /tmp/said")).exit_code != 0:
                    await anyio.sleep(0.05)
            until = time.monotonic() + LOOK_SECONDS
            while time.monotonic() < until:
                with anyio.fail_after(10):
                    found = await sandbox.changes(hashes=True)
                names = {change.path for change in found}
                assert os.fsencode(secret.name) not in {os.path.basename(name) for name in names}
                assert foreign not in {change.sha256 for change in found}, "a file of ours was read"


@checks("files")
async def what_is_large_is_told_in_time(backend: Backend) -> None:
    """Hollow files, many names of one file, very deep folders: told soon, and exactly."""
    async with await backend.open(Image(), LARGE) as sandbox:
        session = await sandbox.session()
        for code in (
            "for i in $(seq 100); do truncate -s 100M hollow$i; done; truncate -s 8E huge; true",
            "head -c 20M /dev/urandom >one; for i in $(seq 1000); do ln one one$i; done",
            "for i in $(seq 300); do mkdir $(printf %0100d $i); cd $(printf %0100d $i); done",
            "echo deep >deep; cd /work; echo plain >plain; : >empty",
        ):
            expect(await session.run(code, seconds=60), Outcome.OK)
        with anyio.fail_after(40):
            found = {change.path: change for change in await sandbox.changes(hashes=True)}
    (deep,) = (path for path in found if path.endswith(b"/deep"))
    assert len(deep) > 30_000, f"a path of {len(deep)} bytes was told"
    for path, content in ((deep, b"deep\n"), (b"/work/plain", b"plain\n"), (b"/work/empty", b"")):
        assert found[path].sha256 == hashlib.sha256(content).hexdigest()
    assert len({found[b"/work/one%d" % number].sha256 for number in range(1, 1001)}) == 1
    assert found[b"/work/hollow7"].size == 100 * MiB
