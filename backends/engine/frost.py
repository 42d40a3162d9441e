"""Holding a container still from outside: the kernel's freezer, of either version.

Nothing in a frozen container runs, its first process included, and nobody inside can change that.
The engine is not told: to it the container runs. Nor is it asked: what it pauses is seen here.
"""

from __future__ import annotations

from pathlib import Path

import anyio

FREEZE_SECONDS = 0.5
"""How long all that runs in a container may take to stand still."""
LOOK_SECONDS = 0.0005


class Freezer:
    """Of one container."""

    _is_ours = False
    """Whether it is we who hold it."""

    def __init__(self, init: int) -> None:
        """Find it by the number that process 1 has here; raises `OSError` if there is none."""
        places = dict(_places(Path(f"/proc/{init}/cgroup").read_text(encoding="utf-8")))
        for kind, file, still, moving in (
            ("freezer", "freezer.state", "FROZEN", "THAWED"),
            ("", "cgroup.freeze", "1", "0"),
        ):
            folder = _mount(kind)
            if kind in places and folder is not None:
                self._file = folder / places[kind].lstrip("/") / file
                self._still, self._moving = still, moving
                if self._file.is_file() and places[kind] != "/":
                    return
        raise OSError("its control group has no freezer")

    def is_held(self) -> bool:
        """Whether anybody holds it still, or is about to: an engine pauses it in the same way."""
        return self._file.read_text().strip() != self._moving

    async def freeze(self) -> bool:
        """Stop everything; whether all stands still."""
        self._is_ours = True
        self._file.write_text(self._still)
        with anyio.move_on_after(FREEZE_SECONDS):
            while not self._is_still():
                await anyio.sleep(LOOK_SECONDS)
            return True
        return False

    def thaw(self) -> None:
        """Let everything go on that we have stopped; raises `OSError` if the container is gone."""
        if self._is_ours:
            self._is_ours = False
            self._file.write_text(self._moving)

    def _is_still(self) -> bool:
        if self._still == "1":
            return "frozen 1" in self._file.with_name("cgroup.events").read_text()
        return self._file.read_text().strip() == self._still


def _places(text: str) -> list[tuple[str, str]]:
    """Give controller (none for version 2) and path of each line of `/proc/PID/cgroup`."""
    found = []
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found += [(controller, path) for controller in controllers.split(",")]
    return found


def _mount(controller: str) -> Path | None:
    """Find where a hierarchy is mounted here."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        right = controller in options.split(",") if controller else kind == "cgroup2"
        if right and before.split()[3] == "/":
            return Path(before.split()[4])
    return None
