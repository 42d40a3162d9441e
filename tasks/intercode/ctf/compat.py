"""Capture the flag as it was: stateless actions in `/ctf/ID`, any number of guesses.

Known deviations, all towards one episode not spoiling another, beside those of
`asynccode.tasks.intercode.environment`: a sandbox holds the files of one task, where the
original's image holds those of all; set-up commands that fail end the episode as a harness
failure, where the original's run dies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from asynccode.errors import InputError
from asynccode.interfaces import Environment, Sandbox, Suite, Worlds, sandbox_of
from asynccode.outcomes import Limits, MiB, Outcome
from asynccode.records import Action, Remark, Skip, StepResult, Submit, Task
from asynccode.tasks.closing import close
from asynccode.tasks.ctf.challenge import Scene
from asynccode.tasks.ctf.scene import furnish
from asynccode.tasks.intercode import quoting
from asynccode.tasks.intercode.ctf.audit import remarks
from asynccode.tasks.intercode.ctf.loader import FOLDER, Assets, setup_of
from asynccode.tasks.intercode.ctf.suite import digest, is_flag
from asynccode.tasks.intercode.recorded import RecordedEpisode
from asynccode.tasks.intercode.world import Seen, World, info_of

LIMITS = Limits(
    step_seconds=quoting.SECONDS,
    processes=256,
    memory_bytes=1024 * MiB,
    disk_bytes=512 * MiB,
    output_bytes=8 * MiB,
)
"""The original limits time alone."""
RIGHT = "The submitted flag is correct."
"""What the harness of the recorded episodes said; later ones repeat the last observation."""
WRONG = "Submitted flag is incorrect. Keep trying!"
"""What the harness says (eval_n_turn.py:159-161)."""
_RAW = ("python3 -c", "python -c")
_NO_PROGRAM = b"/usr/bin/env: "
_CAT = re.compile(r"(?:/bin/bash -c \")?cat ([\w.-]+)\"?")


def plan(action: str, workdir: str) -> quoting.Plan:
    """Decide how an action is carried out (ctf_env.py:34-41, and bash_env.py for `cd`).

    `python3 -c ...` is split into words and executed without a shell; all else is the script
    of one. Raises `OriginalCrashError` as `quoting.plan` does.
    """
    base = quoting.plan(action, workdir)
    code = action if base.goes_to is None else f"cd {base.goes_to}"
    is_raw = code.strip().startswith(_RAW)
    argv = quoting.split(code) if is_raw else ["/bin/bash", "-c", code.strip()]
    return quoting.Plan(argv=argv, cwd=base.cwd, goes_to=base.goes_to)


class CompatCtfEnvironment(Environment):
    """One task with the original's semantics: its environment and its harness."""

    def __init__(
        self, task: Task, worlds: Worlds, *, limits: Limits, scene: Scene, right: str | None = None
    ) -> None:
        """Take what is put into the sandbox; `right` is said to a right flag."""
        self.task = task
        self.workdir = quoting.ROOT
        """The original's working directory, which need not be one."""
        self._worlds, self._limits, self._scene, self._right = worlds, limits, scene, right
        self._sandbox: Sandbox | None = None
        self._world: World | None = None
        self._observation = task.query

    async def reset(self) -> str:
        """Open a sandbox, set the task up in `/ctf/ID`, and give the query."""
        await self.aclose()
        self.workdir, self._observation = f"{FOLDER}/{self.task.id}", self.task.query
        self._sandbox = sandbox_of(await self._worlds.open(self.task.image, self._limits))
        await self._sandbox.exec(["mkdir", "-p", self.workdir], cwd=quoting.ROOT)
        await furnish(self._sandbox, self._scene, task=self.task.id, workdir=self.workdir)
        self._world = World(self._sandbox)
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Act (ic_env.py:83-113). Raises `InputError` before `reset` and after `aclose`."""
        if self._world is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip) or action == "skip":
            return StepResult("skipped", 0.0, True, False, info_of())
        text = str(action)
        if text == "submit" and isinstance(action, Submit):
            return StepResult(self._observation, 0.0, True, False, info_of())  # out of turns
        try:
            if text.startswith("submit"):
                return self._judge(text)
            chosen = plan(text, self.workdir)
        except quoting.OriginalCrashError as crash:
            info = info_of() | {"outcome": Outcome.REFUSED, "original_error": str(crash)}
            return StepResult(self._observation, 0.0, True, False, info)
        seen = await self._act(self._world, chosen)
        self._observation = seen.observation
        if seen.executed and chosen.goes_to is not None:
            self.workdir = chosen.goes_to
        return StepResult(seen.observation, 0.0, False, False, info_of(seen))

    async def _act(self, world: World, chosen: quoting.Plan) -> Seen:
        seen = await world.act(chosen, seconds=min(quoting.SECONDS, self._limits.step_seconds))
        found = seen.result
        if found and found.exit_code == 127 and found.output.startswith(_NO_PROGRAM):
            assert chosen.argv is not None
            text = quoting.missing_program(chosen.argv[0])
            return Seen(observation=text, executed=False, result=found)
        return seen

    def _judge(self, action: str) -> StepResult:
        """Check a flag: what follows the first blank, up to the next (ctf_env.py:17-21)."""
        words = action.split(" ")
        if len(words) < 2:
            raise quoting.OriginalCrashError("IndexError: list index out of range (ctf_env.py:17)")
        is_right = is_flag(words[1], self.task.metadata["flag"])
        info = info_of() | {"valid": True, "reward_parts": {"reward": float(is_right)}}
        said = (self._right or self._observation) if is_right else WRONG
        return StepResult(said, float(is_right), is_right, False, info)

    async def aclose(self) -> None:
        """Close the sandbox."""
        sandbox, self._sandbox, self._world = self._sandbox, None, None
        await close(sandbox)


def shown_files(episode: RecordedEpisode) -> dict[str, bytes]:
    """Give the files that a recorded episode shows whole: what a plain `cat FILE` printed."""
    found: dict[str, bytes] = {}
    for turn in episode.turns:
        match = _CAT.fullmatch(turn.code or "")
        if match and turn.observation and not turn.observation.startswith("cat: "):
            found.setdefault(match[1], turn.observation.encode())
    return found


class CompatCtfSuite(Suite):
    """All tasks with the original's semantics."""

    def __init__(
        self,
        tasks: Sequence[Task],
        assets: Assets,
        *,
        name: str = "intercode/ctf",
        limits: Limits = LIMITS,
    ) -> None:
        self.name, self.limits = name, limits
        self.tasks, self.assets = tuple(tasks), assets

    def environment(self, task: Task, worlds: Worlds) -> CompatCtfEnvironment:
        """Give a fresh environment for `task`. Raises `TaskDataError` if its files are missing."""
        return self._environment(task, worlds, self.assets.files(task), None)

    def _environment(
        self, task: Task, worlds: Worlds, files: Mapping[str, bytes], right: str | None
    ) -> CompatCtfEnvironment:
        scene = Scene(files=files, modes=self.assets.modes(task), setup=setup_of(task, files))
        return CompatCtfEnvironment(task, worlds, limits=self.limits, scene=scene, right=right)

    def reborn(self, born: int) -> CompatCtfSuite:
        """Give the suite itself: no recorded action looks at the age of a file."""
        return self

    def rehearsal(
        self, task: Task, worlds: Worlds, episode: RecordedEpisode, *, scored: bool
    ) -> CompatCtfEnvironment:
        """Give an environment that does what the harness of a recorded episode did.

        Where the task's files are not in the data, those that the recording shows whole take
        their place, the others are missing and set-up commands that would fetch them are left
        out: what depends on them differs.
        """
        if self.assets.missing(task) is None:
            return self._environment(task, worlds, self.assets.files(task), RIGHT)
        scene = Scene(files=shown_files(episode))
        return CompatCtfEnvironment(task, worlds, limits=self.limits, scene=scene, right=RIGHT)

    async def remarks(self, task: Task, worlds: Worlds) -> tuple[Remark, ...]:
        """Say what the data tells of a task."""
        return tuple(remarks(task, self.assets))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the mode, the tasks and their files."""
        return digest(self.tasks, self.assets, "intercode-1.0.2")
