"""The manifest of a run: what decides what an episode is, and where and when it was made."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import asdict

from asynccode.budget import Budget
from asynccode.feedback import Feedback
from asynccode.interfaces import Suite, Technology
from asynccode.outcomes import Limits


def make_manifest(
    *,
    suite: Suite,
    backend: Technology,
    images: Mapping[str, str],
    policy: str,
    limits: Limits,
    max_turns: int,
    seed: int,
    compat: str | None,
    command: Sequence[str],
    options: Mapping[str, Any],
    versions: Mapping[str, str | None],
    budget: Budget | None = None,
    feedback: Feedback = Feedback.HIDDEN,
    agent: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put a manifest together.

    `images` are the digests of what was built, by the digests of the descriptions; `options`
    is what may change from run to run in one folder (attempts, limit, concurrency); `agent`
    is `Policy.settings`; `versions` what `asynccode.versions` found.
    """
    return {
        "suite": suite.name,
        "suite_digest": suite.digest,
        "backend": backend.name,
        "images": dict(images),
        "policy": policy,
        "semantics": getattr(suite, "semantics", "persistent"),
        "compat": compat,
        "limits": asdict(limits),
        "max_turns": max_turns,
        "seed": seed,
        "budget": None if budget is None else asdict(budget),
        "feedback": feedback.value,
        "agent": dict(agent or {}),
        "versions": dict(versions),
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "command": list(command),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **options,
    }
