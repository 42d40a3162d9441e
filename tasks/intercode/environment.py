"""IC-Bash as it was: stateless actions, textual `cd`, gold in a sandbox of its own.

Known deviations, all towards one episode not spoiling another:

- A command that runs over its time is killed; the original lets it go on in the container.
- Each episode has a new sandbox; in the original, what git ignores outlives an episode.
- Where the original's whole run dies (`OriginalCrashError`), the episode ends here, with
  reward 0.0, outcome `refused` and `original_error` in the info.
- A command that writes over `Limits.output_bytes` counts as timed out.
"""

from __future__ import annotations

from asynccode.errors import InputError
from asynccode.interfaces import Environment, Sandbox, Worlds, sandbox_of
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Action, Skip, StepResult, Submit, Task
from asynccode.tasks.closing import close
from asynccode.tasks.intercode import quoting
from asynccode.tasks.intercode.golds import Gold, Golds
from asynccode.tasks.intercode.reward import Parts, Side, hashed, score
from asynccode.tasks.intercode.world import World, info_of


class CompatBashEnvironment(Environment):
    """One nl2bash task with the original's semantics, bugs included."""

    def __init__(
        self,
        task: Task,
        worlds: Worlds,
        *,
        limits: Limits,
        golds: Golds,
        score_every_turn: bool = False,
        young: bool = False,
    ) -> None:
        """Take a task of `loader.load(..., compat="intercode")`.

        With `score_every_turn` each action is scored at once, as the original's Try Again
        harness did (eval_n_turn.py:152-158); without it, only a submission is. `young`: the
        image was built for this run (see `World.reset`).
        """
        self.task = task
        self.workdir = quoting.ROOT
        """The original's working directory, which need not be one."""
        self.score_every_turn = score_every_turn
        self._worlds, self._limits, self._golds = worlds, limits, golds
        self._young = young
        self._gold: Gold | None = None
        self._scored = 0
        self._sandbox: Sandbox | None = None
        self._world: World | None = None
        self._observation = task.query

    async def reset(self) -> str:
        """Find out what gold gives unless it is known, open a sandbox, and give the query.

        Raises `TaskDataError` if the sandbox does not hold the task's file system.
        """
        await self.aclose()
        self._gold = await self._golds.get(self.task, self._worlds)
        self.workdir, self._observation = quoting.ROOT, self.task.query
        self._scored = 0
        self._sandbox = sandbox_of(await self._worlds.open(self.task.image, self._limits))
        self._world = World(self._sandbox)
        await self._world.reset(self.task.metadata["filesystem"], young=self._young)
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Act (ic_env.py:83-113). Raises `InputError` before `reset` and after `aclose`."""
        if self._world is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip) or action == "skip":
            return StepResult("skipped", 0.0, True, False, info_of())
        try:
            if isinstance(action, Submit) or action.startswith("submit"):
                parts = await self._score(self._world)
                info = info_of() | {"valid": True, "reward_parts": parts.as_dict()}
                return StepResult(self._observation, parts.reward, True, False, info)
            plan = quoting.plan(action, self.workdir)
            seconds = min(quoting.SECONDS, self._limits.step_seconds)
            seen = await self._world.act(plan, seconds=seconds)
            self._observation, info = seen.observation, info_of(seen)
            if seen.executed and plan.goes_to is not None:
                self.workdir = plan.goes_to
            if not self.score_every_turn:
                return StepResult(seen.observation, 0.0, False, False, info)
            parts = await self._score(self._world)
        except quoting.OriginalCrashError as crash:
            info = info_of() | {"outcome": Outcome.REFUSED, "original_error": str(crash)}
            return StepResult(self._observation, 0.0, True, False, info)
        info["reward_parts"] = parts.as_dict()
        return StepResult(seen.observation, parts.reward, False, False, info)

    async def score(self) -> StepResult:
        """Score what is there now; as in the original, gold runs anew for each score."""
        return await self.step(Submit())

    async def _score(self, world: World) -> Parts:
        assert self._gold is not None
        gold = self._gold.side(self._scored)
        self._scored += 1
        changes = await world.changes()
        common = [path for path, _ in hashed(changes & gold.changes)]
        hashes = await world.hashes(common)
        agent = Side(answer=self._observation, changes=changes, hashes=hashes)
        return score(agent, gold)

    async def aclose(self) -> None:
        """Close the sandbox."""
        sandbox, self._sandbox, self._world = self._sandbox, None, None
        await close(sandbox)
