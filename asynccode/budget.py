"""What an episode may spend beside turns and wall time, and which of it is spent.

Turns are `max_turns`, wall time is `Limits.episode_seconds`. Everything here is looked at
after each step: the step that reaches a budget is the last one, and what is there then is
scored.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field, frozen, validators

from asynccode.calls import tokens_of
from asynccode.records import Action, Invalid, Skip, Step, StopReason, Submit

_positive = validators.optional(validators.gt(0))


@frozen(kw_only=True)
class Budget:
    """What one episode may spend; None is without end."""

    calls: int | None = field(default=None, validator=_positive)
    """Actions that were given to the environment to run, submissions left out."""
    price: float | None = field(default=None, validator=_positive)
    """Sum of the prices of actions."""
    prices: Mapping[str, float] = field(factory=dict)
    """Prices by the first word of the code, by `submit`, `skip` or `invalid`; `*` is for all
    else, 0 if it is missing. A `price` in the environment's info goes before."""
    tokens: int | None = field(default=None, validator=_positive)
    """Tokens in and out of all calls to a model."""
    guesses: int | None = field(default=None, validator=_positive)
    """Wrong submissions, where the environment lets an agent try again."""

    @property
    def has_prices(self) -> bool:
        """Whether actions cost anything by this budget."""
        return bool(self.prices) or self.price is not None

    def price_of(self, action: Action | Invalid) -> float:
        """Give the price of an action of which the environment says nothing."""
        match action:
            case Submit():
                word = "submit"
            case Skip():
                word = "skip"
            case Invalid():
                word = "invalid"
            case _:
                word = action.split(maxsplit=1)[0] if action.strip() else ""
        return self.prices.get(word, self.prices.get("*", 0.0))


@define(kw_only=True, eq=False)
class Spent:
    """What one episode has spent so far."""

    budget: Budget
    calls: int = 0
    price: float = 0.0
    tokens: int = 0
    guesses: int = 0

    def note(self, action: Action | Invalid, step: Step) -> StopReason | None:
        """Count a step that did not end the episode; name the budget that is spent now."""
        self.calls += isinstance(action, str)
        self.guesses += isinstance(action, Submit)
        self.price += step.price or 0.0
        self.tokens += sum(tokens_of(step.calls))
        budget = self.budget
        for limit, spent, reason in (
            (budget.calls, self.calls, StopReason.MAX_CALLS),
            (budget.price, self.price, StopReason.MAX_PRICE),
            (budget.tokens, self.tokens, StopReason.MAX_TOKENS),
            (budget.guesses, self.guesses, StopReason.GUESS_LIMIT),
        ):
            if limit is not None and spent >= limit:
                return reason
        return None
