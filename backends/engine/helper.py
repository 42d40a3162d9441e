"""Reaching a container's processes from inside, where they cannot be reached from the host.

Through a shell of our own that is started with the container and does everything in built-ins: a
fraction of a millisecond more a step.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Sequence

from asynccode.backends.engine.hands import COUNT, EVENTS, terminal_number, value_of
from asynccode.errors import SandboxLost
from asynccode.outcomes import Window
from asynccode.shell.slot import Slot

HELP_SECONDS = 5.0


class HelperHand:
    """From inside, through a shell that only we speak to."""

    def __init__(self, make: Callable[[], Slot], *, grouped: bool = True) -> None:
        """Take what makes a slot for one more shell in the container.

        `grouped`: it has a control group of its own, whose numbers are its own.
        """
        self._make, self._grouped = make, grouped
        self._slot: Slot | None = None
        self._own: Collection[int] = ()

    async def start(self) -> None:
        """Start the helper, or a new one when a step has killed it."""
        self.close()
        self._slot = self._make()
        await self._slot.start()
        self._own = await self.kin(self._slot.shell)

    def close(self) -> None:
        """Close the helper."""
        if self._slot is not None:
            self._slot.close()

    async def count(self) -> int:
        """Read the counter; without a group of its own, count what is in /proc."""
        if not self._grouped:
            return len(await self.members())
        return int(await self._first(COUNT, "read -r x; echo $x") or 0)

    async def members(self) -> Collection[int]:
        """List /proc, which is all there is inside, but for the helper."""
        text = await self._do("cd /proc && echo [0-9]*")
        return {int(word) for word in text.split() if word.isdigit()} - set(self._own)

    async def kin(self, shell: int) -> Sequence[int]:
        """Ask /proc for the parent."""
        line = await self._do(f"read -r x </proc/{shell}/stat && echo ${{x##*) }}")
        fields = line.split()
        return (shell, int(fields[1])) if len(fields) > 1 else ()

    async def session(self, leader: int) -> Collection[int]:
        """Ask /proc."""
        return await self._those(f"$4 = {leader}")

    async def busy(self) -> bool:
        """Ask /proc."""
        return bool(set(await self._those("$1 = R")) - set(self._own))

    async def resize(self, leader: int, window: Window) -> bool:
        """Let `stty` do it."""
        line = await self._do(f"read -r x </proc/{leader}/stat && echo ${{x##*) }}")
        if len(fields := line.split()) <= 4:
            return False
        size = f"rows {window.rows} cols {window.columns}"
        return "done" in await self._do(
            f"stty {size} </dev/pts/{terminal_number(int(fields[4]))} && echo done"
        )

    async def send(self, numbers: Collection[int], signal_number: int) -> None:
        """Signal them with Bash's own `kill`."""
        if numbers:
            name = signal.Signals(signal_number).name.removeprefix("SIG")
            await self._do(f"kill -{name} {' '.join(map(str, numbers))}")

    async def events(self) -> Sequence[int]:
        """Read the kernel's counts."""
        found: dict[str, int] = {}
        for path, word in EVENTS if self._grouped else ():
            text = await self._first((path,), "while read -r x; do echo $x; done")
            if text:
                found |= {word: value_of(text.encode(), word)}
        return found.get("max", 0), found.get("oom_kill", 0)

    async def _those(self, condition: str) -> Sequence[int]:
        """Give the processes with such a state `$1`, parent `$2`, session `$4`."""
        code = f"read -r x <$p/stat && set -- ${{x##*) }} && [[ {condition} ]] && echo $p"
        text = await self._do(f"cd /proc; for p in [0-9]*; do {code}; done")
        return [int(word) for word in text.split()]

    async def _first(self, paths: Sequence[str], code: str) -> str:
        for path in paths:
            if text := await self._do(f"{{ {code}; }} </sys/fs/cgroup/{path}"):
                return text
        return ""

    async def _do(self, code: str) -> str:
        assert self._slot is not None
        if self._slot.is_lost:
            await self.start()
        code = f"{{ {code}; }} 2>/dev/null"
        try:
            result = await self._slot.run(code, seconds=HELP_SECONDS, split=False)
        except SandboxLost:
            await self.start()
            result = await self._slot.run(code, seconds=HELP_SECONDS, split=False)
        return result.text
