"""What the warden is asked about a jail's processes: to end some and to spare others."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

from asynccode.backends import processes
from asynccode.backends.warden import launch
from asynccode.backends.warden.held import Jail


class Stops:
    """The part of the warden's server that ends processes."""

    jails: dict[int, Jail]
    programs: dict[int, tuple[int, int]]

    def do_end(self, *, number: int, jail: int, pid: int) -> dict[str, Any]:
        """Kill a program and what it started: its descendants, and its POSIX session."""
        return {"pids": launch.end(self.jails[jail].init, pid, alive=pid in self.programs)}

    def do_stop(
        self,
        *,
        number: int,
        jail: int,
        shell: int,
        shells: list[int],
        spare: list[int],
        force: bool,
    ) -> dict[str, Any]:
        """Abort the step of `shell`; signal all but the keepers, the `shells` and `spare`.

        Shells are numbered as in the jail, processes to spare as on the host.
        """
        held = self.jails[jail]
        roots = [held.init, *held.runners]
        keeper = processes.command(held.init)
        spared = {*roots, *spare}
        if not held.runners:
            spared |= {p for p in processes.children(held.init) if processes.command(p) == keeper}

        def find() -> list[int]:
            return [pid for root in roots for pid in processes.tree(root)]

        for pid in find():
            with suppress(OSError):
                inner = processes.inner_pid(pid)
                if inner in shells:
                    spared.add(pid)
                if inner == shell:
                    processes.send(pid, signal.SIGRTMAX)
        for pid in spared.difference(spare):  # a step may have stopped them
            processes.send(pid, signal.SIGCONT)
        count = processes.stop(find, spared, force=force)
        return {"count": count}

    def do_kill(self, *, number: int, jail: int, shell: int) -> dict[str, Any]:
        """Kill one process, by the jail's own number."""
        for pid in list(processes.tree(self.jails[jail].init)):
            with suppress(OSError):
                if processes.inner_pid(pid) == shell:
                    processes.send(pid, signal.SIGKILL)
        return {}
