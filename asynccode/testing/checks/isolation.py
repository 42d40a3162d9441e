"""What a sandbox must not see or reach."""

from __future__ import annotations

import os
import socket
import tempfile

from asynccode.images import Image
from asynccode.interfaces import Backend
from asynccode.outcomes import Outcome
from asynccode.testing.checks.base import TIGHT, checks, expect


@checks("files")
async def no_host_files(backend: Backend) -> None:
    """Nothing of the host but system folders is there, and those cannot be written."""
    with tempfile.NamedTemporaryFile() as secret:
        secret.write(b"secret")
        secret.flush()
        os.chmod(secret.name, 0o644)
        async with await backend.open(Image(), TIGHT) as sandbox:
            session = await sandbox.session()
            expect(await session.run(f"cat {secret.name}"), Outcome.NONZERO)
            expect(await session.run("ls -A /home /root"), Outcome.OK, "/home:\n\n/root:\n")
            expect(await session.run("touch /usr/bin/x /usr/x"), Outcome.NONZERO)
            expect(await session.run("cat /etc/shadow"), Outcome.NONZERO)
            result = await session.run("ls -d /proc/[0-9]* | wc -l")
            assert int(result.text) < 12, f"{result.text} processes are seen"


@checks("network")
async def no_network(backend: Backend) -> None:
    """There is no network but a loopback of one's own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with await backend.open(Image(), TIGHT) as sandbox:
            session = await sandbox.session()
            expect(await session.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}"), Outcome.NONZERO)
            result = await session.run("cat /proc/net/dev | grep -c :")
            assert result.text in ("0\n", "1\n"), f"{result.text} interfaces"


@checks("users")
async def root_is_not_root(backend: Backend) -> None:
    """Root of the sandbox is nobody outside it, and can do little inside."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        mapped = (await session.run("cat /proc/self/uid_map")).text.split()
        # An ordinary user's jails are nested: their map is relative to a root that is that user.
        assert os.getuid() or mapped[1] != "0", "root in the sandbox is root of the host"
        status = (await session.run("grep -E 'NoNewPrivs|Seccomp:' /proc/self/status")).text
        assert status.split() == ["NoNewPrivs:", "1", "Seccomp:", "2"], f"{status!r}"
        for code in (
            "mount -t tmpfs none /mnt",
            "unshare -r true",
            "chroot / true",
            "hostname other",
            "mknod /tmp/sda b 8 0",
            "dmesg",
        ):
            expect(await session.run(f"{code} 2>/dev/null"), Outcome.NONZERO)


@checks("processes")
async def the_keeper_is_out_of_reach(backend: Backend) -> None:
    """Killing or stopping process 1 has no effect."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        session = await sandbox.session()
        await session.run("kill -9 1; kill -STOP 1; kill -TERM 1")
        expect(await session.run("echo on"), Outcome.OK, "on\n")
        expect(await session.run("exit 2"), Outcome.NONZERO)
        expect(await session.run("echo on"), Outcome.OK, "on\n")
