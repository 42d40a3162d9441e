"""A Bash session and a flag: the agent submits what it found, and may be wrong some times."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from asynccode.errors import InputError
from asynccode.interfaces import (
    Environment,
    Program,
    Sandbox,
    Session,
    Worlds,
    sandbox_of,
)
from asynccode.outcomes import Limits
from asynccode.records import Action, Brief, Skip, StepResult, StopReason, Submit, Task
from asynccode.tasks.bash import observe, step_info
from asynccode.tasks.closing import close
from asynccode.tasks.ctf.challenge import Scene
from asynccode.tasks.ctf.scene import furnish


@frozen(kw_only=True)
class Rules:
    """What decides how a flag is judged."""

    is_right: Callable[[str], bool]
    """Whether a guess is the flag; asked here, outside every sandbox."""
    guesses: int | None
    """Wrong guesses that end the episode; None for no limit."""


def flag_of(action: Action) -> str | None:
    """Give the flag that an action submits: None if it is code, "" if it names none.

    A policy may say `Submit(answer=FLAG)`, or `submit FLAG` in one line.
    """
    if isinstance(action, Submit):
        return (action.answer or "").strip()
    if isinstance(action, Skip):
        return None
    word, _, rest = action.strip().partition(" ")
    return rest.strip() if word == "submit" and "\n" not in rest else None


class CtfEnvironment(Environment):
    """One challenge in one sandbox.

    A right flag earns 1.0 and ends the episode, a wrong one earns 0.0 and does not, until
    `Rules.guesses` of them were wrong (`guess_limit`). A submission without a flag stands for
    the last step's output, and ends the episode: the agent is done.
    """

    def __init__(
        self, task: Task, worlds: Worlds, *, limits: Limits, scene: Scene, rules: Rules
    ) -> None:
        self.task = task
        self.wrong = 0
        """Wrong guesses so far."""
        self._worlds, self._limits, self._scene, self._rules = worlds, limits, scene, rules
        self._sandbox: Sandbox | None = None
        self._session: Session | None = None
        self._service: Program | None = None
        self._last = ""

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that the agent acts in. Raises `InputError` as `step` does."""
        if self._sandbox is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        return self._sandbox

    def brief(self) -> Brief:
        """Say how flags are handed in."""
        left = self._rules.guesses
        limit = "" if left is None else f"; after {left} wrong ones the episode ends"
        return Brief(about=f"The answer that is submitted is a flag, which is checked{limit}.")

    async def reset(self) -> str:
        """Open a world, set the challenge up in it, and give the query.

        Raises what `furnish` and `Worlds.open` raise.
        """
        await self.aclose()
        self.wrong, self._last = 0, ""
        image = self.task.image
        self._sandbox = sandbox_of(await self._worlds.open(image, self._limits))
        self._service = await furnish(
            self._sandbox, self._scene, task=self.task.id, workdir=image.workdir
        )
        self._session = await self._sandbox.session()
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Run code, submit or skip. Raises `InputError` before `reset` and after `aclose`."""
        if self._session is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip):
            return StepResult("", 0.0, True, False, step_info())
        flag = flag_of(action)
        if flag is not None:
            return self._judge(flag or self._last.strip(), is_final=not flag)
        assert isinstance(action, str)
        result = await self._session.run(action)
        self._last = result.text
        return StepResult(observe(result, self._limits), None, False, False, step_info(result))

    def _judge(self, guess: str, *, is_final: bool) -> StepResult:
        is_right = self._rules.is_right(guess)
        self.wrong += bool(guess) and not is_right
        parts = {"reward": float(is_right), "wrong_guesses": self.wrong}
        info = step_info() | {"reward_parts": parts}
        if is_right:
            return StepResult("The flag is right.", 1.0, True, False, info)
        if is_final:
            return StepResult("The flag is wrong.", 0.0, True, False, info)
        if self._rules.guesses is None:
            return StepResult("The flag is wrong.", 0.0, False, False, info)
        left = self._rules.guesses - self.wrong
        if left <= 0:
            info["stop_reason"] = StopReason.GUESS_LIMIT
        said = f"The flag is wrong. Guesses left: {max(left, 0)}."
        return StepResult(said, 0.0, left <= 0, False, info)

    async def aclose(self) -> None:
        """Close the session, the service and the sandbox."""
        held = (self._session, self._service, self._sandbox)
        self._session = self._service = self._sandbox = None
        await close(*held)
