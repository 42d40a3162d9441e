"""What the warden is asked about a jail's files."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import Any

from asynccode.backends.warden import files, overlay, spawn
from asynccode.backends.warden.held import Jail
from asynccode.backends.warden.looking import Reading


class Worlds:
    """The part of the warden's server that answers for files."""

    jails: dict[int, Jail]
    patience = 0.02
    """Seconds of the processor that looking at files may take while others wait (`asides.py`): by
    the clock, a busy machine would have all of it done twice."""

    def _upper(self, jail: int) -> str:
        return f"/proc/{self.jails[jail].pid}/root{spawn.UPPER}"

    def _reading(self) -> Reading:
        return Reading(self.patience, time.process_time)

    def do_changes(
        self, *, number: int, jail: int, lowers: list[str], hashes: bool
    ) -> dict[str, Any]:
        """Read the state diff."""
        upper, *below = (os.fsencode(path) for path in (self._upper(jail), *lowers))
        rows = overlay.changes(upper, below, self._reading(), hashes=hashes)
        return {"rows": sorted(rows, key=lambda row: os.fsencode(row.path))}

    def do_fingerprint(self, *, number: int, jail: int) -> dict[str, Any]:
        """Digest what the upper layer holds."""
        return {"digest": overlay.fingerprint(self._upper(jail), self._reading())}

    def do_read(self, *, number: int, jail: int, path: str, max_bytes: int) -> dict[str, Any]:
        """Read a file."""
        data = files.inside(self.jails[jail].init, lambda: files.read(path, max_bytes))
        return {"data": data.hex()}

    def do_write(
        self, *, number: int, jail: int, path: str, data: str, mode: int
    ) -> dict[str, Any]:
        """Write a file."""
        raw = bytes.fromhex(data)
        files.inside(self.jails[jail].init, lambda: files.write(path, raw, mode))
        return {}

    def do_commit(self, *, number: int, jail: int, target: str) -> dict[str, Any]:
        """Copy the upper layer to `target`, a path below the image cache."""
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", self._upper(jail), target], check=True, capture_output=True)
        return {}
