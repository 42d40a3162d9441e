"""Arguments on what an agent is told and what it may spend."""

from __future__ import annotations

import argparse

from asynccode.budget import Budget
from asynccode.cli import arguments
from asynccode.feedback import Feedback


def add_feedback(parser: argparse.ArgumentParser) -> None:
    """Add how much the agent is told of what its actions did."""
    parser.add_argument(
        "--feedback",
        type=Feedback,
        choices=list(Feedback),
        default=Feedback.HIDDEN,
        metavar="LEVEL",
        help="what the agent is shown of an action: none, executed (or not), hidden (the output,"
        " not the reward; default), shown (the reward too), full (its parts too)",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add what one episode may spend beside turns and time."""
    group = parser.add_argument_group("budget of an episode")
    group.add_argument(
        "--max-calls", type=arguments.positive, metavar="N", help="actions run in the environment"
    )
    group.add_argument(
        "--max-tokens", type=arguments.positive, metavar="N", help="tokens in and out"
    )
    group.add_argument("--max-price", type=arguments.seconds, metavar="P", help="sum of prices")
    group.add_argument(
        "--price",
        type=_price,
        action="append",
        default=[],
        metavar="WORD=P",
        help="price of actions that begin with a word; also submit, skip, invalid and * (others)",
    )


def budget_of(args: argparse.Namespace) -> Budget | None:
    """Give the budget that was asked for, None if it has no end."""
    budget = Budget(
        calls=args.max_calls,
        tokens=args.max_tokens,
        price=args.max_price,
        prices=dict(args.price),
    )
    return None if budget == Budget() else budget


def _price(text: str) -> tuple[str, float]:
    word, equals, number = text.rpartition("=")
    try:
        price = float(number)
    except ValueError:
        price = -1.0
    if not equals or not word or not 0 <= price < float("inf"):
        raise argparse.ArgumentTypeError(f"must be WORD=PRICE with a price from 0, not {text!r}")
    return word, price
