"""Saying whether and how well an engine works here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from asynccode.backends.engine.files import HostWorld
from asynccode.errors import AsynccodeError
from asynccode.images import Image
from asynccode.interfaces import Health
from asynccode.outcomes import Limits, Outcome

GROUPS = (
    "run the engine as root, or where control groups are of version 2 and memory and pids are"
    " delegated to its user (systemd: Delegate=memory pids)"
)

if TYPE_CHECKING:
    from asynccode.backends.engine.backend import EngineBackend


async def examine(backend: type[EngineBackend]) -> Health:
    """Start a container on this machine's system folders, and say what is weaker."""
    try:
        async with backend() as containers:
            about = containers.about
            version = f"{about.product} at {about.where}"
            if not about.is_local:
                reason = "the base `host` cannot be had: the engine is on another machine"
                return Health(available=True, version=version, reason=reason)
            async with await containers.open(Image(), Limits()) as sandbox:
                result = await sandbox.exec(["true"])
                near = isinstance(sandbox.world, HostWorld)
    except AsynccodeError as error:
        remedy = getattr(error, "remedy", None)
        return Health(available=False, reason=getattr(error, "reason", str(error)), remedy=remedy)
    if result.outcome is not Outcome.OK:
        return Health(available=False, reason=f"a container cannot run `true`: {result.text}")
    weaker = ["disk is limited per file, not per sandbox"]
    remedy = None
    if not about.maps_users:
        weaker.append("root of a container is root outside, with capabilities dropped")
        remedy = "run the engine with userns-remap, or rootless"
    if missing := sorted({"memory", "process_count"} - set(about.limits)):
        remedy = GROUPS
        if "memory" in missing:
            weaker.append("memory is limited per process, not per sandbox, and shows as `nonzero`")
        if "process_count" in missing:
            weaker.append("the number of processes is not limited")
    if not near:
        who = "" if os.getuid() == 0 else " (we are not root)"
        weaker.append(f"`changes` asks the engine to compare{who}: slow for large images")
    return Health(available=True, version=version, reason="; ".join(weaker), remedy=remedy)
