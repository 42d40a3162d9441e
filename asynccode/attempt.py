"""The turns of one episode: asking the policy, carrying out, recording, ending.

`asynccode.episode` says how an episode that ends is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import anyio
from attrs import define, field

from asynccode.budget import Spent
from asynccode.calls import Call
from asynccode.errors import BackendError, ContextOverflow, Unavailable
from asynccode.escapes import contained, describe
from asynccode.feedback import Feedback, shown
from asynccode.interfaces import Environment, Policy
from asynccode.moves import calls_of, read_move
from asynccode.outcomes import Outcome
from asynccode.records import (
    Action,
    Invalid,
    Skip,
    Step,
    StepResult,
    StopReason,
    Submit,
    Task,
    Turn,
    kind_of,
)

START_SECONDS = 300.0
"""How long a world may take to be ready; in a run, after another has become ready."""
SCORE_SECONDS = 60.0
"""How long the score of an episode that ran out may take."""
RAN_OUT = frozenset(
    {
        StopReason.MAX_TURNS,
        StopReason.MAX_CALLS,
        StopReason.MAX_PRICE,
        StopReason.MAX_TOKENS,
        StopReason.GUESS_LIMIT,
        StopReason.WALL_TIME,
        StopReason.CONTEXT_OVERFLOW,
    }
)
"""Reasons after which the environment is asked for the score of what is there."""

DEFAULT = Feedback.HIDDEN
NOTHING: Mapping[str, Any] = {}
INVALID: Mapping[str, Any] = {"outcome": Outcome.INVALID, "valid": False}


@define(kw_only=True, eq=False)
class Running:
    """An episode that is being played; read by progress, written by `play`."""

    task_id: str
    attempt: int
    since: float = field(factory=perf_counter)
    """When it began, by `time.perf_counter`."""
    steps: list[Step] = field(factory=list)
    start: anyio.CancelScope | None = None
    """What getting its world ready is in; whoever cancels it gives the world up. Without one it
    is given up after `START_SECONDS`."""
    ready: float | None = None
    """When its world was ready, by `time.perf_counter`."""
    faulty: bool = False
    """Whether the task itself cannot be played, which is no fault of any world's."""
    acting: Action | None = None
    """The action that the environment is carrying out."""


@define(kw_only=True)
class End:
    """How an episode ended."""

    stop: StopReason
    reward: float | None = None
    parts: Mapping[str, Any] = field(factory=dict)
    error: str | None = None
    calls: Sequence[Call] = ()
    """Calls to a model that led to no step."""


@define(kw_only=True, eq=False)
class Attempt:
    """One episode while it is played."""

    environment: Environment
    policy: Policy
    task: Task
    number: int
    max_turns: int
    spent: Spent | None
    feedback: Feedback
    running: Running

    async def play(self, seconds: float) -> End:
        """Play for so many seconds at most, the time to get ready left out."""
        with self.running.start or anyio.move_on_after(START_SECONDS) as start:
            query = await self.environment.reset()
        if start.cancelled_caught:
            raise BackendError(
                f"The world was not ready within {START_SECONDS:g} s: the machine is too busy, or"
                " something in it hangs; lower --concurrency, and see `asynccode doctor`."
            )
        self.running.ready = perf_counter()
        with anyio.move_on_after(seconds) as clock:
            end = await self._turns(query)
        if clock.cancelled_caught:
            end = End(stop=StopReason.WALL_TIME)
            if isinstance(self.running.acting, str):
                cut = Step(action=self.running.acting, observation=None, outcome=Outcome.TIMEOUT)
                self.running.steps.append(cut)
        if end.reward is None and end.stop in RAN_OUT:
            await _score(self.environment, end, self.running.acting)
        return end

    async def _turns(self, observation: str) -> End:
        steps, brief = self.running.steps, self.environment.brief()
        while len(steps) < self.max_turns:
            turn = Turn(
                task=self.task,
                attempt=self.number,
                observation=observation,
                steps=steps,
                brief=brief,
                feedback=self.feedback,
                max_turns=self.max_turns,
            )
            try:
                with contained():
                    move = read_move(await self.policy.act(turn))
            except Unavailable:
                raise
            except ContextOverflow as error:
                stop = StopReason.CONTEXT_OVERFLOW
                return End(stop=stop, error=describe(error), calls=calls_of(error))
            except Exception as error:  # noqa: BLE001 (a policy is somebody else's code)
                stop = StopReason.POLICY_ERROR
                return End(stop=stop, error=describe(error), calls=calls_of(error))
            end = await self._step(move.action, move.thought, move.calls)
            if end is not None:
                return end
            observation = steps[-1].seen
        return End(stop=StopReason.MAX_TURNS)

    async def _step(
        self, action: Action | Invalid, thought: str | None, calls: Sequence[Call]
    ) -> End | None:
        """Carry one action out and record it; say whether it ends the episode."""
        before = perf_counter()
        if isinstance(action, Invalid):
            result = StepResult(action.message, None, False, False, INVALID)
        else:
            self.running.acting = action
            result = await self.environment.step(action)
        observation, reward, terminated, truncated, info = result
        reward = _number(reward)
        stop = None
        if terminated or truncated:
            stop = stop_reason(action, reward, terminated, truncated, info)
        seconds = perf_counter() - before
        told: str | None = None
        if self.feedback is not DEFAULT and stop is None and not isinstance(action, Invalid):
            reward, info = await self._scored(reward, info)
            told = shown(self.feedback, observation, reward, info)
            if self.feedback.shows_reward and reward is not None and reward >= 1.0:
                stop = StopReason.SOLVED
        self.running.acting = None
        price = info.get("price")
        if price is None and self.spent is not None and self.spent.budget.has_prices:
            price = self.spent.budget.price_of(action)
        step = Step(
            action=str(action),
            observation=observation,
            outcome=info.get("outcome"),
            exit_code=info.get("exit_code"),
            reward=reward,
            valid=info.get("valid"),
            seconds=seconds,
            truncated=info.get("truncated", False),
            kind=kind_of(action),
            shown=None if told == observation else told,
            price=price,
            thought=thought,
            calls=calls,
        )
        self.running.steps.append(step)
        if stop is not None:
            return End(stop=stop, reward=reward, parts=info.get("reward_parts", {}))
        spent = None if self.spent is None else self.spent.note(action, step)
        return None if spent is None else End(stop=spent)

    async def _scored(
        self, reward: float | None, info: Mapping[str, Any]
    ) -> tuple[float | None, Mapping[str, Any]]:
        """Have a step scored if the feedback is to tell and the environment did not yet."""
        if not self.feedback.shows_reward or "reward_parts" in info:
            return reward, info
        score = await self.environment.score()
        if score is None:
            return reward, info
        known = {k: score.info[k] for k in ("reward_parts", "feedback") if k in score.info}
        return _number(score.reward), {**info, **known}


def stop_reason(
    action: Action | Invalid,
    reward: float | None,
    terminated: bool,
    truncated: bool,
    info: Mapping[str, Any] = NOTHING,
) -> StopReason | None:
    """Say whether a step ended the episode, and why."""
    if not terminated and not truncated:
        return None
    if "stop_reason" in info:
        return StopReason(info["stop_reason"])
    if isinstance(action, Submit):
        return StopReason.SUBMITTED
    if isinstance(action, Skip):
        return StopReason.SKIPPED
    if terminated:
        solved = reward is not None and reward >= 1.0
        return StopReason.SOLVED if solved else StopReason.SUBMITTED
    return StopReason.MAX_TURNS


def _number(reward: float | None) -> float | None:
    """Give a reward as it is kept; an environment that gives another thing has failed."""
    return None if reward is None else float(reward)


async def _score(environment: Environment, end: End, cut: Action | None) -> None:
    """Ask for the score of an episode that ran out; no step is recorded for it."""
    # A submission that the clock cut off is made once more, with its answer.
    submit = cut if isinstance(cut, Submit) else Submit()
    with anyio.move_on_after(SCORE_SECONDS) as clock:
        _, reward, _, _, info = await environment.step(submit)
        end.reward = _number(reward)
        end.parts = info.get("reward_parts", {})
    if clock.cancelled_caught:
        message = f"The episode could not be scored within {SCORE_SECONDS:g} s."
        if end.stop is not StopReason.WALL_TIME:
            raise BackendError(message)
        end.error = message
