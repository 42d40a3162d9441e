"""Playing one episode: an environment and a policy in, a record out.

How an episode ends decides its reward:

- The policy submits or skips, or the environment ends it: the environment's reward. An
  environment may let the policy try again after a submission (capture the flag).
- The feedback shows rewards and the reward of a step is 1: that reward.
- The turns, the wall time, a budget or the model's context run out: the environment is
  asked for the score of what is there (an unrecorded `Submit`), so the reward is known.
  Where even that does not fit in its time, the reward of an episode out of wall time is
  null and `error` says so.
- The policy fails: null. Nobody acted, so there is nothing to score; the steps are kept.
- The harness fails: null, whatever was reached. Never a reward.
"""

from __future__ import annotations

from time import perf_counter

import anyio

from asynccode.attempt import Attempt, End, Running
from asynccode.budget import Budget, Spent
from asynccode.calls import tokens_of
from asynccode.errors import TaskDataError, Unavailable
from asynccode.escapes import contained, describe
from asynccode.feedback import Feedback
from asynccode.interfaces import Environment, Policy, Suite, Worlds
from asynccode.outcomes import Limits
from asynccode.records import Episode, StopReason, Task

__all__ = ["Running", "describe", "play"]

CLOSE_SECONDS = 30.0
"""How long an environment may take to close."""


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
    budget: Budget | None = None,
    feedback: Feedback = Feedback.HIDDEN,
    running: Running | None = None,
) -> Episode:
    """Play `task` once and give the record; what fails in it is in the record.

    Raises `Unavailable` alone: the backend cannot work here, or the policy cannot, so no
    episode will. Cancelling closes the environment and leaves nothing behind.
    """
    limits = limits or suite.limits
    running = running or Running(task_id=task.id, attempt=attempt)
    began = perf_counter()
    environment: Environment | None = None
    try:
        with contained():
            task = suite.variant(task, attempt)
            environment = suite.environment(task, worlds)
            attempted = Attempt(
                environment=environment,
                policy=policy,
                task=task,
                number=attempt,
                max_turns=max_turns,
                spent=None if budget is None else Spent(budget=budget),
                feedback=feedback,
                running=running,
            )
            end = await attempted.play(limits.episode_seconds)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it was: it is this episode's alone)
        running.faulty = isinstance(error, TaskDataError)
        end = End(stop=StopReason.HARNESS_ERROR, error=describe(error))
    finally:
        seconds = perf_counter() - began
        trouble = None if environment is None else await _close(environment)
    if trouble is not None and end.error is None:
        end.error = trouble  # the score was known by then and stays
    tokens_in, tokens_out = tokens_of(
        [call for step in running.steps for call in step.calls] + list(end.calls)
    )
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
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        labels=task.labels,
    )


async def _close(environment: Environment) -> str | None:
    """Close in bounded time, whatever happens; give what went wrong."""
    with anyio.move_on_after(CLOSE_SECONDS, shield=True) as clock:
        try:
            with contained():
                await environment.aclose()
        except Exception as error:  # noqa: BLE001 (a note in the record, not a verdict)
            return f"Closing failed: {describe(error)}"
    return f"Closing took over {CLOSE_SECONDS:g} s." if clock.cancelled_caught else None
