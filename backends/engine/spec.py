"""What a container sees, what it may use, and whom it belongs to."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from asynccode.backends import host, owners
from asynccode.backends.engine.api import About
from asynccode.images import Image
from asynccode.outcomes import Limits
from asynccode.shell.script import INBAND_KEEPER

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
"""What root may do with its own files and processes; the same as in a jail."""
LABEL = "asynccode.owner"
MACHINE, RUN, EXPIRES = "asynccode.machine", "asynccode.run", "asynccode.expires"
MOST = "asynccode.most"
"""How many bytes a file may have: an engine need not know (see `ahead`)."""
EXPIRY_SECONDS = 24 * 3600
"""After that a container whose owner cannot be asked after (it ran elsewhere) is a leftover."""
WATCH_SECONDS = 20

# Standard input is closed when our connection is: a keeper that reads it ends at once. During
# a step nobody reads. So a second process looks now and then whether there is something to
# read (the end is, too); if there is all the time, nobody writes any more. It cannot kill
# process 1, but all that keeps it from reading. A step may kill it: a new shell has a new one.
_WATCH = f"""
watch() {{
  seen=0
  while sleep {WATCH_SECONDS} || [ $? -gt 128 ]; do  # a step may kill our sleep
    if bash -c 'read -t 0'; then seen=$((seen + 1)); else seen=0; fi
    [ $seen -lt 3 ] || kill -9 -1
  done
}}
before='kill -0 "$watching" 2>/dev/null || {{ watch <&3 3<&- & watching=$!; }} 3<&0'
command eval "$before"
"""


def keeper(*, first: bool) -> Sequence[str]:
    """Give what starts a shell and ends with its owner; the `first` is process 1."""
    return ["/bin/sh", "-c", (_WATCH if first else "") + INBAND_KEEPER, "asynccode"]


_OF_THE_MACHINE = """
    buddyinfo bus cgroups cmdline config.gz consoles cpuinfo crypto devices diskstats dma driver
    execdomains fb filesystems fs interrupts iomem ioports irq kallsyms key-users kmsg kpagecgroup
    kpagecount kpageflags loadavg locks mdstat meminfo misc modules mtrr pagetypeinfo partitions
    pressure schedstat slabinfo softirqs stat swaps sys sysrq-trigger sysvipc tty uptime version
    version_signature vmallocinfo vmstat zoneinfo
"""
READ_ONLY = [f"/proc/{name}" for name in _OF_THE_MACHINE.split()]
"""What is one and the same in every container and outside: root of one could give it away, or make
it unreadable, for all. What a kernel does not have is passed over. Podman 4 does not listen."""
REMOVE_SECONDS = 60.0
"""How long removing a container may take; a busy engine removes them one after the other."""


def name() -> str:
    """Give a container's name: no other container, run or machine has it."""
    return f"asynccode-{owners.me().label}-{secrets.token_hex(6)}"


@cache
def machine() -> str:
    """Name this machine (since its boot) and process namespace: where our pid means us."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return f"{file.read().strip()}.{os.readlink('/proc/self/ns/pid')[5:-1]}"


def labels(run: str) -> dict[str, str]:
    """Give the labels of everything we make in an engine."""
    return {
        LABEL: owners.me().label,
        MACHINE: machine(),
        RUN: run,
        EXPIRES: str(int(time.time()) + EXPIRY_SECONDS),
    }


def is_left(found: Mapping[str, str]) -> bool:
    """Whether a container with such labels has no owner any more."""
    if found.get(MACHINE) != machine():
        expires = found.get(EXPIRES, "")
        return expires.isdigit() and int(expires) < time.time()
    try:
        return owners.Owner.parse(found[LABEL]).is_dead()
    except (KeyError, ValueError):
        return False


def environment(image: Image) -> dict[str, str]:
    """Give a container's variables; an exec gets the same."""
    terminal = {} if image.shell else {"TERM": "dumb"}
    return {"PATH": PATH, "HOME": "/root", **terminal, **image.env}


def _words(variables: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in variables.items()]


def ulimits(limits: Limits, about: About | None) -> dict[str, int]:
    """Give what each process may have.

    No storage driver limits a world on any file system; this limits each file in it. Memory is
    only limited here where the engine does not limit it for the container as a whole.
    """
    found = {"fsize": limits.disk_bytes, "core": 0, "nofile": 1024}
    if about is not None and "memory" not in about.limits:
        found["data"] = limits.memory_bytes
    return found


_FLAGS = {"fsize": ("f", 512), "core": ("c", 512), "nofile": ("n", 1), "data": ("d", 1024)}
"""How sh is told, and in which unit."""


def ahead(limits: Limits, about: About | None) -> Sequence[str]:
    """Give what goes ahead of a command where the engine itself sets no limits of processes."""
    if about is None or about.keeps_ulimits:
        return ()
    told = [
        f"ulimit -{_FLAGS[name][0]} {value // _FLAGS[name][1]}"
        for name, value in ulimits(limits, about).items()
    ]
    return ("/bin/sh", "-c", "; ".join((*told, 'exec "$@"')), "asynccode")


def container(
    image: Image,
    name: str,
    limits: Limits,
    run: str,
    *,
    network: str = "none",
    about: About | None = None,
    is_bare: bool = False,
) -> dict[str, Any]:
    """Give the configuration of a container that starts from the image called `name`.

    `about` is the engine, where something is to run in it. The first process of a bare one is the
    image's shell on a terminal, without a keeper.
    """
    first = [image.shell] if is_bare and image.shell else keeper(first=True)
    binds = [f"{path}:{path}:ro" for path in host.bound()] if image.base == "host" else []
    hidden = host.hidden() if image.base == "host" else ()
    streams = {f"Attach{stream}": True for stream in ("Stdin", "Stdout", "Stderr")}
    return {
        "Image": name,
        "Entrypoint": [*ahead(limits, about), *first],
        "Cmd": [],
        "Env": _words(environment(image)),
        "WorkingDir": image.workdir,
        "User": "0:0",
        "Hostname": "sandbox",
        "Labels": {**labels(run), MOST: str(limits.disk_bytes)},
        **streams,
        "OpenStdin": True,
        "StdinOnce": True,
        "Tty": is_bare,
        "HostConfig": {
            "NetworkMode": network,
            "CapDrop": ["ALL"],
            "CapAdd": list(CAPABILITIES),
            "SecurityOpt": ["no-new-privileges"],
            "PidsLimit": limits.processes,
            "Memory": limits.memory_bytes,
            "MemorySwap": limits.memory_bytes,
            "CpuShares": 256,
            "ShmSize": 1 << 20,
            "IpcMode": "private",
            "Binds": binds,
            "Tmpfs": dict.fromkeys(hidden, "ro,size=4k"),
            "ReadonlyPaths": READ_ONLY,
            "Ulimits": [
                {"Name": name, "Soft": value, "Hard": value}
                for name, value in ulimits(limits, about).items()
            ],
            "LogConfig": {"Type": "none"},
        },
    }


def execution(
    image: Image,
    argv: Sequence[str],
    *,
    tty: bool = False,
    cwd: str | None = None,
) -> dict[str, Any]:
    """Give the configuration of one more process in a container."""
    streams = {f"Attach{stream}": True for stream in ("Stdin", "Stdout", "Stderr")}
    return {
        "Cmd": list(argv),
        "Env": _words(environment(image)),
        "WorkingDir": cwd or image.workdir,
        "User": "0:0",
        "Tty": tty,
        **streams,
    }
