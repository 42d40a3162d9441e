"""Playing one episode: an environment and a policy in, a record out.

How an episode ends decides its reward:

- The policy submits or skips, or the environment ends it: the environment's reward.
- The turns or the wall time run out: the environment is asked for the score of what is
  there (an unrecorded `Submit`), so the reward is known. Where even that does not fit in
  its time, the reward of an episode out of wall time is null and `error` says so.
- The policy fails: null. Nobody acted, so there is nothing to score; the steps are kept.
- The harness fails: null, whatever was reached. Never a reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import anyio
from attrs import define, field

from asynccode.errors import AsynccodeError, BackendError, Unavailable
from asynccode.interfaces import Environment, Policy, Suite, Worlds
from asynccode.outcomes import Limits, Outcome
from asynccode.records import Action, Episode, Skip, Step, StopReason, Submit, Task, Turn

START_SECONDS = 300.0
"""How long a world may take to be ready, waiting for room included."""
SCORE_SECONDS = 60.0
"""How long the score of an episode that ran out may take."""
CLOSE_SECONDS = 30.0
"""How long an environment may take to close."""


@define(kw_only=True, eq=False)
class Running:
    """An episode that is being played; read by progress, written by `play`."""

    task_id: str
    attempt: int
    since: float = field(factory=perf_counter)
    """When it began, by `time.perf_counter`."""
    steps: list[Step] = field(factory=list)
    started: bool = False
    """Whether its world was ever ready."""
    acting: Action | None = None
    """The action that the environment is carrying out."""


@define(kw_only=True)
class _End:
    stop: StopReason
    reward: float | None = None
    parts: Mapping[str, Any] = field(factory=dict)
    error: str | None = None


async def play(
    task: Task,
    *,
    suite: Suite,
    backend: str,
    policy: Policy,
    worlds: Worlds,
    attempt: int = 0,
    limits: Limits | None = None,
    max_turns: int = 10,
    running: Running | None = None,
) -> Episode:
    """Play `task` once and give the record; what fails in it is in the record.

    Raises `Unavailable` alone: the backend cannot work here, so no episode will.
    Cancelling closes the environment and leaves nothing behind.
    """
    limits = limits or suite.limits
    running = running or Running(task_id=task.id, attempt=attempt)
    began = perf_counter()
    environment: Environment | None = None
    try:
        environment = suite.environment(task, worlds)
        end = await _play(environment, policy, task, attempt, limits, max_turns, running)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it was: it is this episode's alone)
        end = _End(stop=StopReason.HARNESS_ERROR, error=describe(error))
    finally:
        seconds = perf_counter() - began
        trouble = None if environment is None else await _close(environment)
    if trouble is not None and end.error is None:
        end.error = trouble  # the score was known by then and stays
    return Episode(
        task_id=task.id,
        attempt=attempt,
        suite=suite.name,
        backend=backend,
        query=task.query,
        steps=tuple(running.steps),
        reward=end.reward,
        reward_parts=end.parts,
        solved=end.reward is not None and end.reward >= 1.0,
        stop_reason=end.stop,
        wall_seconds=seconds,
        error=end.error,
    )


async def _play(
    environment: Environment,
    policy: Policy,
    task: Task,
    attempt: int,
    limits: Limits,
    max_turns: int,
    running: Running,
) -> _End:
    with anyio.move_on_after(START_SECONDS) as start:
        query = await environment.reset()
    if start.cancelled_caught:
        raise BackendError(f"The world was not ready within {START_SECONDS:g} s.")
    running.started = True
    with anyio.move_on_after(limits.episode_seconds) as clock:
        end = await _turns(environment, policy, task, attempt, query, max_turns, running)
    if clock.cancelled_caught:
        end = _End(stop=StopReason.WALL_TIME)
        if isinstance(running.acting, str):
            cut = Step(action=running.acting, observation=None, outcome=Outcome.TIMEOUT)
            running.steps.append(cut)
    if end.reward is None and end.stop in (StopReason.MAX_TURNS, StopReason.WALL_TIME):
        await _score(environment, end, running.acting)
    return end


async def _turns(
    environment: Environment,
    policy: Policy,
    task: Task,
    attempt: int,
    observation: str,
    max_turns: int,
    running: Running,
) -> _End:
    steps = running.steps
    while len(steps) < max_turns:
        turn = Turn(task=task, attempt=attempt, observation=observation, steps=steps)
        try:
            action = await policy.act(turn)
        except Exception as error:  # noqa: BLE001 (a policy is somebody else's code)
            return _End(stop=StopReason.POLICY_ERROR, error=describe(error))
        if not isinstance(action, (str, Submit, Skip)):
            message = f"The policy gave a {type(action).__name__}, not a str, Submit or Skip."
            return _End(stop=StopReason.POLICY_ERROR, error=message)
        running.acting = action
        before = perf_counter()
        observation, reward, terminated, truncated, info = await environment.step(action)
        steps.append(
            Step(
                action=str(action),
                observation=observation,
                outcome=info.get("outcome"),
                exit_code=info.get("exit_code"),
                reward=reward,
                valid=info.get("valid"),
                seconds=perf_counter() - before,
                truncated=info.get("truncated", False),
            )
        )
        running.acting = None
        stop = stop_reason(action, reward, terminated, truncated)
        if stop is not None:
            return _End(stop=stop, reward=reward, parts=info.get("reward_parts", {}))
    return _End(stop=StopReason.MAX_TURNS)


def stop_reason(
    action: Action, reward: float | None, terminated: bool, truncated: bool
) -> StopReason | None:
    """Say whether a step ended the episode, and why."""
    if isinstance(action, Submit):
        return StopReason.SUBMITTED
    if isinstance(action, Skip):
        return StopReason.SKIPPED
    if terminated:
        solved = reward is not None and reward >= 1.0
        return StopReason.SOLVED if solved else StopReason.SUBMITTED
    return StopReason.MAX_TURNS if truncated else None


async def _score(environment: Environment, end: _End, cut: Action | None) -> None:
    """Ask for the score of an episode that ran out; no step is recorded for it."""
    # A submission that the clock cut off is made once more, with its answer.
    submit = cut if isinstance(cut, Submit) else Submit()
    with anyio.move_on_after(SCORE_SECONDS) as clock:
        _, end.reward, _, _, info = await environment.step(submit)
        end.parts = info.get("reward_parts", {})
    if clock.cancelled_caught:
        message = f"The episode could not be scored within {SCORE_SECONDS:g} s."
        if end.stop is not StopReason.WALL_TIME:
            raise BackendError(message)
        end.error = message


async def _close(environment: Environment) -> str | None:
    """Close in bounded time, whatever happens; give what went wrong."""
    with anyio.move_on_after(CLOSE_SECONDS, shield=True) as clock:
        try:
            await environment.aclose()
        except Exception as error:  # noqa: BLE001 (a note in the record, not a verdict)
            return f"Closing failed: {describe(error)}"
    return f"Closing took over {CLOSE_SECONDS:g} s." if clock.cancelled_caught else None


def describe(error: BaseException) -> str:
    """Put an error into one line: our own by its message, others with their type."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    if isinstance(error, AsynccodeError) and text:
        return text
    return f"{name}: {text}" if text else name
