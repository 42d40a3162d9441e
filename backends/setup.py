"""What runs when an image is built: its commands, in a sandbox with wider limits."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from attrs import evolve

from asynccode.errors import ImageError
from asynccode.images import Commands, Image, Run
from asynccode.interfaces import Sandbox
from asynccode.outcomes import Limits, Outcome

LIMITS = Limits(
    step_seconds=900,
    memory_bytes=2 << 30,
    processes=512,
    disk_bytes=2 << 30,
    output_bytes=4 << 20,
)
NETWORK_LIMITS = evolve(LIMITS, step_seconds=1800, memory_bytes=8 << 30, disk_bytes=6 << 30)
"""Packages are fetched and unpacked, in memory."""
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
RESOLVER = "/etc/resolv.conf"
_ASIDE = f"{RESOLVER}.asynccode"


def setting(image: Image, layer: Commands | Run) -> tuple[Image, Limits]:
    """Give the image whose working directory and variables a layer's commands have, and limits.

    A RUN also has the variables that name this machine's proxies, as with engines; what is
    built is not named after them. Process 1 is ours, whatever it will be.
    """
    image = evolve(image, shell=None)
    if isinstance(layer, Commands):
        return image, LIMITS
    names = (*PROXIES, *map(str.upper, PROXIES))
    proxies = {name: os.environ[name] for name in names if name in os.environ}
    return evolve(image, workdir=layer.workdir, env={**proxies, **layer.env}), NETWORK_LIMITS


async def run(sandbox: Sandbox, layer: Commands | Run) -> None:
    """Run a layer's commands. Raises `ImageError` if one fails."""
    if isinstance(layer, Run):
        await _run(sandbox, "sh", layer.line)
        return
    for line in layer.lines:
        await _run(sandbox, "bash", line)


async def _run(sandbox: Sandbox, shell: str, line: str) -> None:
    result = await sandbox.exec([shell, "-c", line])
    if result.outcome is not Outcome.OK:
        raise ImageError(
            f"Set-up command {line!r} ended with {result.outcome} "
            f"({result.exit_code}): {result.text[-500:].strip()}"
        )


@asynccontextmanager
async def resolving(sandbox: Sandbox) -> AsyncIterator[None]:
    """Let a sandbox that has this machine's network resolve names as this machine does.

    What its image says about it, be it a link to nowhere, is moved aside and comes back: the
    file is written from inside, so no link leads out.
    """
    aside = f"mkdir -p /etc; [ ! -e {RESOLVER} ] && [ ! -L {RESOLVER} ] || mv {RESOLVER} {_ASIDE}"
    await sandbox.exec(["sh", "-c", aside])
    with suppress(OSError), open(RESOLVER, "rb") as ours:  # noqa: ASYNC230 - some lines
        await sandbox.write(RESOLVER, ours.read())
    yield
    back = f"rm -f {RESOLVER}; [ ! -e {_ASIDE} ] && [ ! -L {_ASIDE} ] || mv {_ASIDE} {RESOLVER}"
    await sandbox.exec(["sh", "-c", back])
