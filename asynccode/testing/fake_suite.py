"""A suite for the fake backend: tasks that ask for a number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from asynccode.images import Image
from asynccode.interfaces import Environment, Sandbox, Session, Suite, Worlds, sandbox_of
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Action, Skip, StepResult, Submit, Task


class FakeEnvironment(Environment):
    """Scores what the session's last step wrote against `metadata["answer"]`."""

    def __init__(self, task: Task, worlds: Worlds, limits: Limits) -> None:
        self._task = task
        self._worlds = worlds
        self._limits = limits
        self._sandbox: Sandbox | None = None
        self._session: Session | None = None
        self._last = ""

    async def reset(self) -> str:
        """Open a new world."""
        await self.aclose()
        self._sandbox = sandbox_of(await self._worlds.open(self._task.image, self._limits))
        self._session = await self._sandbox.session()
        return self._task.query

    async def step(self, action: Action) -> StepResult:
        """Run code, or score."""
        assert self._sandbox is not None
        assert self._session is not None
        if isinstance(action, Skip):
            return StepResult("skipped", 0.0, True, False, {"valid": True})
        if isinstance(action, Submit):
            answer = self._last if action.answer is None else action.answer
            changes = await self._sandbox.changes()
            reward = float(answer.strip() == str(self._task.metadata.get("answer", "")))
            info = {"valid": True, "reward_parts": {"answer": reward, "changes": len(changes)}}
            return StepResult(self._last, reward, True, False, info)
        result = await self._session.run(action)
        self._last = result.text
        info = {
            "outcome": result.outcome,
            "exit_code": result.exit_code,
            "valid": result.outcome is Outcome.OK,
            "truncated": result.truncated,
        }
        return StepResult(result.text, None, False, False, info)

    async def score(self) -> StepResult:
        """Score what was written last."""
        return await self.step(Submit())

    async def aclose(self) -> None:
        """Close the world."""
        sandbox, self._sandbox, self._session = self._sandbox, None, None
        if sandbox is not None:
            await sandbox.aclose()


class FakeSuite(Suite):
    """Tasks that ask for a number: `echo NUMBER` is gold."""

    def __init__(
        self, tasks: int | Sequence[Task] = 10, *, limits: Limits | None = None, name: str = "fake"
    ) -> None:
        self.name = name
        self.tasks = fake_tasks(tasks) if isinstance(tasks, int) else tuple(tasks)
        self.limits = limits or Limits(step_seconds=5.0, episode_seconds=30.0)

    def environment(self, task: Task, worlds: Worlds) -> Environment:
        """Give the environment of one task."""
        return FakeEnvironment(task, worlds, self.limits)

    @property
    def digest(self) -> str:
        """Hash the tasks' ids and golds."""
        text = repr([(task.id, task.gold) for task in self.tasks])
        return hashlib.sha256(text.encode()).hexdigest()


def fake_tasks(count: int, gold: str = "echo {number}") -> tuple[Task, ...]:
    """Make tasks with the ids `t0`, `t1`, ...; `{number}` in `gold` is the task's number."""
    image = Image()
    return tuple(
        Task(
            id=f"t{number}",
            query=f"Print {number}.",
            gold=(gold.format(number=number),),
            image=image,
            metadata={"answer": str(number)},
        )
        for number in range(count)
    )
