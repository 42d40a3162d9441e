"""The descriptors between us and a sandbox: all of them, or none."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

import pytest

from asynccode.shell.wiring import ABOVE, Wiring


def test_wiring_that_cannot_be_made_leaves_no_descriptor(nothing_leaks: None) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    for most in range(3, ABOVE + highest):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        try:
            if most <= ABOVE:
                with pytest.raises(OSError, match=r"Too many open files|Invalid argument"):
                    Wiring.open()
            else:
                with suppress(OSError):
                    Wiring.open().close()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
