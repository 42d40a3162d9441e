"""A sandbox seen the way the original sees a container: reset it, execute in it, score it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
from attrs import frozen

from asynccode.errors import TaskDataError
from asynccode.interfaces import Sandbox
from asynccode.outcomes import ExecResult, Outcome
from asynccode.tasks.intercode import quoting
from asynccode.tasks.intercode.reward import Entry, hash_argv, parse_status

PATIENCE = 120.0
"""Limit on what the original runs without one (gold, git, hashes), in seconds."""
AGE, SLOT = 600, 1800
"""How old files are when an episode begins, in seconds: from `AGE` to `AGE + SLOT`. Minutes,
as in the runs that gave the reference files: `-mmin +5` finds them, and `-mmin -60`."""
OLD = 3500
"""How old they may be at most."""
SETTLE = 0.5
"""How long what an action left in the background may go on before the next look, in seconds."""
_BACKGROUND = re.compile(r"(?<![&>|<])&(?![&>0-9])")
_SHELL = ("/bin/bash", "-c")
_STOPPED = frozenset({Outcome.TIMEOUT, Outcome.OUTPUT_LIMIT})


@frozen(kw_only=True)
class Seen:
    """What came of one action."""

    observation: str
    executed: bool
    """Whether it ended with status 0 (the original's `action_executed`)."""
    result: ExecResult | None = None
    """What the sandbox said; None if nothing was executed."""


def info_of(seen: Seen | None = None) -> dict[str, Any]:
    """Give the `info` of a step, or (None) of one that ran nothing."""
    result = seen.result if seen else None
    refused = Outcome.REFUSED if seen else None
    return {
        "outcome": result.outcome if result else refused,
        "exit_code": result.exit_code if result else None,
        "valid": seen.executed if seen else None,
        "truncated": result.truncated if result else False,
    }


def birth(now: float) -> int:
    """Give the time that files get, the same for all sandboxes of a while.

    It is one minute to a full or a half hour: in a listing of files the minute is a word, and
    a reward changes a little if the day or the hour happens to be the same word. Where it is
    (on the 21st of a month, from nine to ten in the evening), a time close by is taken.
    """
    usual = int((now - AGE + 60) // SLOT * SLOT - 60)
    for when in (usual, usual + 60, usual - SLOT):
        if AGE - 60 <= now - when < OLD and _words_differ(when):
            return when
    return usual


def _words_differ(when: int) -> bool:
    """Whether day, hour and minute are three words, as `ls` writes them."""
    told = time.gmtime(when)
    return len({str(told.tm_mday), f"{told.tm_hour:02}", f"{told.tm_min:02}"}) == 3


class World:
    """One sandbox of a suite's image."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        # Docker names every container by its own id, and exports the name.
        self._environment = {"HOSTNAME": secrets.token_hex(6)}
        self._asked_at: str | None = None
        self._said: frozenset[Entry] = frozenset()
        self.may_be_running = False
        """Whether an action may have left something running."""

    async def reset(self, filesystem: str, *, young: bool) -> None:
        """Make a new sandbox what a container is after its reset (bash_env.py:33-37).

        An image is built once and kept, while the original's is about as old as the run.
        Unless the image is `young`, all that git tracks gets younger times; folders then lie
        in memory, where they have no size. `git clean` has nothing to do.

        Raises `TaskDataError` if the sandbox does not hold `filesystem`.
        """
        result = await self._run(["git", "reset", "--hard", filesystem])
        if result.exit_code == 0 and not young:
            touch = ["touch", "-c", "-h", "-d", f"@{birth(time.time())}"]
            result = await self._run(["xargs", "-0", "-a", f"/.git/{filesystem}", *touch])
        if result.exit_code != 0:
            raise TaskDataError(
                f"The tasks are made for the file system {filesystem!r}, which the image does "
                f"not hold ({result.text.strip()!r}); build the image that the loader describes."
            )

    async def reset_again(self) -> None:
        """Reset a sandbox that was acted in, which spares what git ignores (bash_env.py:12)."""
        await self._run([*_SHELL, "git reset --hard; git clean -fd;"])

    async def age(self, filesystem: str) -> None:
        """Give files that a reset has just restored the times that the others have."""
        script = 'find "$@" -maxdepth 0 -mmin -5 -exec touch -c -h -d "$0" {} +'
        touch = ["/bin/sh", "-c", script, f"@{birth(time.time())}"]
        await self._run(["xargs", "-0", "-a", f"/.git/{filesystem}", *touch])

    async def act(self, plan: quoting.Plan, *, seconds: float) -> Seen:
        """Execute an action as planned; what it gave is what the original would show."""
        if plan.argv is None:
            return Seen(observation=quoting.MALFORMED, executed=False)
        result = await self._run(plan.argv, cwd=plan.cwd, seconds=seconds)
        if len(plan.argv) > 2 and _BACKGROUND.search(plan.argv[2]):
            self.may_be_running = True
            # `docker exec` waits some time for the output of those who still hold it.
            await anyio.sleep(SETTLE)
        if result.outcome in _STOPPED:
            self.may_be_running = True
            return Seen(observation=quoting.TIMED_OUT, executed=False, result=result)
        if result.outcome is Outcome.REFUSED:
            return Seen(observation=quoting.MALFORMED, executed=False, result=result)
        if result.exit_code in (126, 127) and not _bash_spoke(plan.argv, result.output):
            text = await self._not_executed(plan)
            if text is not None:
                return Seen(observation=text, executed=False, result=result)
        try:
            text = result.output.decode()
        except UnicodeDecodeError:
            return Seen(observation=quoting.MALFORMED, executed=False, result=result)
        return Seen(observation=text, executed=result.exit_code == 0, result=result)

    async def is_untouched(self) -> bool:
        """Whether nothing at all has changed, not even what git ignores."""
        changes = await self._sandbox.changes()
        return all(change.path.startswith(b"/.git") for change in changes)

    async def changes(self) -> frozenset[Entry]:
        """Ask git what has changed (bash_env.py:94-95). Raises `OriginalCrashError`.

        If nothing at all was written since it was last asked, it would say the same.
        """
        before = await self._sandbox.fingerprint()
        if before is None or before != self._asked_at:
            self._said = await self._ask_git()
            # Only what was the same all the while is known to be what git saw.
            after = await self._sandbox.fingerprint()
            self._asked_at = after if after == before else None
        return self._said

    async def _ask_git(self) -> frozenset[Entry]:
        # The original asks through Bash; without it a process less gives the same text, and
        # without a lock on its index nothing is written.
        result = await self._run(["git", "--no-optional-locks", "status", "--short"])
        if result.exit_code in (126, 127):
            seen = await self.act(quoting.plan("git status --short;", "/"), seconds=PATIENCE)
            return parse_status(seen.observation)
        return parse_status(result.text)

    async def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """Give what hashing each path prints, its lines sorted. Raises `OriginalCrashError`.

        The original compares them as they come. Both its containers lie on one file system
        that lists a folder in the order of its names' hashes, whoever made it; ours list
        the newest entry first. Sorting gives what the original sees: equal or not.
        """
        found = {}
        for path in paths:
            argv = hash_argv(path)
            result = await self._run(argv)
            text = result.text
            if result.exit_code in (126, 127):
                text = quoting.missing_program(argv[0])
            found[path] = "\n".join(sorted(text.splitlines()))
        return found

    async def _not_executed(self, plan: quoting.Plan) -> str | None:
        """Give what Docker says if it was not the action that failed to execute."""
        probe = await self._run([*_SHELL, ":"], cwd=plan.cwd)
        if probe.exit_code == 0:
            return None
        if plan.cwd != "/":
            there = await self._run([*_SHELL, ":"])
            if there.exit_code == 0:
                return quoting.missing_workdir(plan.cwd)
        return quoting.missing_program(_SHELL[0])

    async def _run(
        self, argv: Sequence[str], *, cwd: str = quoting.ROOT, seconds: float = PATIENCE
    ) -> ExecResult:
        return await self._sandbox.exec(argv, cwd=cwd, env=self._environment, seconds=seconds)


def _bash_spoke(argv: Sequence[str], output: bytes) -> bool:
    """Whether an output begins with a message of the Bash that ran an action: so it did run."""
    name = argv[3] if len(argv) > 3 else argv[0]
    return output.startswith(f"{name}: ".encode("utf-8", "surrogateescape"))
