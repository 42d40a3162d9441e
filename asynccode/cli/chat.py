"""Arguments of chat policies: the model, how it is asked, and by which strategy."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from asynccode import registry
from asynccode.cli import arguments
from asynccode.statistics import Tally


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add what chat policies take."""
    group = parser.add_argument_group("chat policies (--policy chat:MODEL)")
    group.add_argument(
        "--strategy",
        metavar="NAME",
        help=f"{', '.join(registry.STRATEGIES)}, or a dotted path (default: try-again)",
    )
    group.add_argument(
        "--base-url", metavar="URL", help="an OpenAI-compatible server (default: $OPENAI_BASE_URL)"
    )
    group.add_argument("--temperature", type=float, metavar="T")
    group.add_argument(
        "--reply-tokens", type=arguments.positive, metavar="N", help="the most tokens of one reply"
    )
    group.add_argument(
        "--sampling",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="any other parameter of the request, such as top_p=0.9 or logprobs=true",
    )
    group.add_argument("--hint", action="store_true", help="tell the environment's hint (a schema)")
    group.add_argument(
        "--refine", type=int, metavar="N", help="turns that may refine (plan-and-solve)"
    )
    group.add_argument(
        "--examples", type=Path, metavar="FILE", help="JSON list of messages shown before the task"
    )
    group.add_argument("--prompts", metavar="FILE", help="a version of ours (v1) or a TOML file")
    group.add_argument("--retries", type=arguments.positive, metavar="N", help="of one request")
    group.add_argument(
        "--request-timeout", type=arguments.seconds, metavar="S", help="of one request, in seconds"
    )
    group.add_argument(
        "--token-price",
        type=_token_price,
        metavar="IN,OUT",
        help="what a million tokens in and a million out cost: kept in the manifest, and the"
        " run's cost is told",
    )
    group.add_argument(
        "--connections", type=arguments.positive, metavar="N", help="to the server, at most"
    )


def policy_options(args: argparse.Namespace) -> dict[str, Any]:
    """Give what was asked for of the policy; the key comes from the environment alone."""
    sampling = dict(args.sampling)
    if args.temperature is not None:
        sampling["temperature"] = args.temperature
    if args.reply_tokens is not None:
        sampling["max_tokens"] = args.reply_tokens
    asked = {
        "strategy": args.strategy,
        "base_url": args.base_url,
        "sampling": sampling or None,
        "hint": args.hint or None,
        "refine": args.refine,
        "examples": args.examples,
        "prompts": args.prompts,
        "retries": args.retries,
        "request_seconds": args.request_timeout,
        "connections": args.connections,
    }
    return {name: value for name, value in asked.items() if value is not None}


def token_prices(args: argparse.Namespace) -> dict[str, float] | None:
    """Give the prices of a million tokens, for the manifest; None if they were not told."""
    if args.token_price is None:
        return None
    return dict(zip(("million_in", "million_out"), args.token_price, strict=True))


def cost(args: argparse.Namespace, tally: Tally) -> float | None:
    """Give what all tokens of a run cost by the prices told, None if there are none."""
    if args.token_price is None:
        return None
    price_in, price_out = args.token_price
    return float(tally.tokens_in * price_in + tally.tokens_out * price_out) / 1e6


def _token_price(text: str) -> tuple[float, float]:
    try:
        price_in, price_out = (float(word) for word in text.split(","))
    except ValueError:
        price_in = price_out = -1.0
    if not (0 <= price_in < math.inf and 0 <= price_out < math.inf):
        raise argparse.ArgumentTypeError(f"must be two prices, such as 0.15,0.6, not {text!r}")
    return price_in, price_out


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value  # a word without quotes
    if not equals or not name.isidentifier() or name in ("messages", "model", "stream", "tools"):
        raise argparse.ArgumentTypeError(f"must be NAME=JSON, such as top_p=0.9, not {text!r}")
    return name, parsed
