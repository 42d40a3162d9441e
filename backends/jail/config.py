"""nsjail's configuration: what a jail sees and what it may use; `rights.py` has what it may call.

In the text form of nsjail's `config.proto`. nsjail reads two, one ahead of its jail, one from a
pipe. The second takes the place of the first, but for a few lists (owners, descriptors) and the
program, which are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from asynccode.backends import host
from asynccode.backends.jail import seccomp
from asynccode.backends.jail.rights import CAPABILITIES
from asynccode.backends.warden import spawn
from asynccode.images import Image
from asynccode.outcomes import Limits, Window
from asynccode.shell.script import KEEPER

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL_FDS = 6
NAME = "asynccode"
TERMINAL = (
    'printf . >&3; read -r shell <&3 && exec "$shell" <>/dev/pts/0 >&0 2>&0 '
    "3>&- 4>&- 5>&- 6>&- 7>&- 8>&-"
)
"""Process 1 of an image with a `shell`: waits until its terminal is there (`outpost.py`)."""


class _Word(str):
    """A value of an enumeration, which goes without quotes."""

    __slots__ = ()


def _write(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield f"{name} {{ {' '.join(_write(item))} }}"
            elif isinstance(item, _Word | bool | int):
                yield f"{name}: {str(item).lower() if isinstance(item, bool) else item}"
            else:
                yield f"{name}: {json.dumps(item, ensure_ascii=False)}"


def _mounts(base: str, stack: Sequence[str], hidden: Sequence[str]) -> list[dict[str, Any]]:
    lowers = ":".join(f"{spawn.IMAGES}/{name}" for name in stack)
    overlay = f"lowerdir={lowers},upperdir={spawn.UPPER},workdir={spawn.WORK},userxattr"
    bound = host.bound() if base == "host" else ()
    return [
        {"src": "overlay", "dst": "/", "fstype": "overlay", "options": overlay, "rw": True},
        {"src": spawn.DEVICES, "dst": "/dev", "is_bind": True},
        {"src": "proc", "dst": "/proc", "fstype": "proc", "rw": True},
        # An empty folder over the one in /proc that a jail's root may not read, so that
        # `find /` fares as it does for root elsewhere.
        {"src": "tmpfs", "dst": "/proc/tty", "fstype": "tmpfs", "options": "size=4k,mode=555"},
        *({"src": folder, "dst": folder, "is_bind": True} for folder in bound),
        *(
            {"src": "tmpfs", "dst": folder, "fstype": "tmpfs", "options": "size=4k,mode=555"}
            for folder in hidden
        ),
    ]


def variables(image: Image, window: Window | None = None) -> dict[str, str]:
    """Give the environment of a jail's programs, on a terminal or not."""
    terminal = "xterm" if window else "dumb"
    return {"PATH": PATH, "HOME": "/root", "TERM": terminal, **image.env}


def bare(image: Image) -> dict[str, str]:
    """Give the environment that an engine's `exec` would give a program."""
    return {"PATH": PATH, "HOME": "/root", **image.env}


def ahead(owner: int) -> dict[str, str]:
    """Give what is the same in all jails, whose root is `owner` outside; others follow.

    It differs by what process 1 is to be: a keeper, or an image's shell.
    nsjail looks the owners' names up, though they are numbers; an empty one is nsjail's own user.
    """
    ids = {"inside_id": "", "outside_id": f"{owner or ''}", "count": 65536 if owner else 1}
    fields: dict[str, Any] = {
        "uidmap": ids,
        "gidmap": ids,
        "pass_fd": list(range(spawn.FIRST, spawn.FIRST + SHELL_FDS)),
    }
    return {
        name: "\n".join(
            _write(fields | {"exec_bin": {"path": "/bin/sh", "arg": ["-c", script, NAME]}})
        )
        for name, script in (("keeper", KEEPER), ("shell", TERMINAL))
    }


def text(image: Image, limits: Limits, stack: Sequence[str], groups: Mapping[str, Path]) -> str:
    """Give the rest, for a jail on the layers of `stack`, topmost first."""
    env = tuple((variables(image, Window()) if image.shell else variables(image)).items())
    hidden = host.hidden() if image.base == "host" else ()
    groups_known = frozenset(groups)
    return _text(image.base, image.workdir, env, limits, tuple(stack), groups_known, hidden)


@lru_cache
def _text(
    base: str,
    workdir: str,
    env: tuple[tuple[str, str], ...],
    limits: Limits,
    stack: tuple[str, ...],
    groups: frozenset[str],
    hidden: tuple[str, ...],
) -> str:
    hard = _Word("HARD")
    fields: dict[str, Any] = {
        "mode": _Word("ONCE"),
        "cwd": workdir,
        "time_limit": 0,
        "nice_level": 0,
        "log_fd": spawn.FIRST + SHELL_FDS,
        "log_level": _Word("WARNING"),
        "mount_proc": False,
        # Those that `spawn` has made ahead.
        **{f"clone_new{kind}": False for kind in ("net", "ipc", "uts", "cgroup")},
        "mount": _mounts(base, stack, hidden),
        "cap": list(CAPABILITIES),
        "seccomp_string": seccomp.numbered(),
        "rlimit_core": 0,
        "rlimit_nofile": 1024,
        "rlimit_cpu_type": hard,
        "rlimit_fsize_type": hard,
        "envar": [f"{name}={value}" for name, value in env],
    }
    if "memory" in groups:
        fields["rlimit_as_type"] = hard
    else:
        fields["rlimit_as"] = limits.memory_bytes >> 20
    if "pids" in groups:
        fields["rlimit_nproc_type"] = hard
    else:
        # Since Linux 5.14 this counts per user namespace, which every jail has its own of.
        fields |= {"rlimit_nproc_type": _Word("VALUE"), "rlimit_nproc": limits.processes}
    return "\n".join(_write(fields))
