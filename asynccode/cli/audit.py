"""The audit of a suite: gold earns 1.0 twice, doing nothing and an empty answer clearly less.

A suite may add remarks of its own (`Suite.remarks`): flags that can be read, missing files.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import asdict, frozen

from asynccode import registry
from asynccode.cli.interrupts import interrupts
from asynccode.cli.output import emit_json, mark, show, table, warn_of_isolation
from asynccode.interfaces import Policy, Suite, Technology
from asynccode.machine import raise_file_limit
from asynccode.policies import Gold, Noop, Scripted
from asynccode.progress import progress
from asynccode.records import Episode, Remark, Submit, Task
from asynccode.rollout import rollout

CLEARLY_LESS = 0.5
"""The most that doing nothing and an empty answer may earn."""


@frozen(kw_only=True)
class Finding:
    """What the audit found of one task."""

    id: str
    gold: tuple[float | None, ...]
    """Rewards of the gold's runs."""
    noop: float | None
    empty: float | None
    ok: bool
    reason: str | None
    remarks: tuple[Remark, ...] = ()


def judge(
    task: str,
    gold: Sequence[float | None],
    noop: float | None,
    empty: float | None,
    remarks: Sequence[Remark] = (),
) -> Finding:
    """Decide whether a task is fair, and say why not."""
    reasons = [f"{remark.kind}: {remark.text}" for remark in remarks if remark.is_fault]
    is_blocked = any(remark.blocks for remark in remarks)
    if not is_blocked and any(reward is None for reward in (*gold, noop, empty)):
        reasons.append("an episode was not scored")
    if len(set(gold)) > 1:
        reasons.append("two runs of gold disagree")
    if any(reward is not None and reward < 1.0 for reward in gold):
        reasons.append("gold does not earn 1.0")
    for name, reward in (("doing nothing", noop), ("an empty answer", empty)):
        if reward is not None and reward > CLEARLY_LESS:
            reasons.append(f"{name} earns {reward:g}")
    return Finding(
        id=task,
        gold=tuple(gold),
        noop=noop,
        empty=empty,
        ok=not reasons,
        reason="; ".join(reasons) or None,
        remarks=tuple(remarks),
    )


async def audit(args: argparse.Namespace, suite: Suite) -> int:
    """Audit; with `--compat` the rewards are the original's, so they are only reported."""
    raise_file_limit()
    tasks = suite.tasks[: args.limit]
    async with registry.load_technology(args.backend) as backend, interrupts() as stop:
        warn_of_isolation(backend)
        remarks = {task.id: await suite.remarks(task, backend) for task in tasks}
        blocked = {name for name, said in remarks.items() if any(one.blocks for one in said)}
        gold = await _play(args, suite, backend, Gold(), 2, blocked)
        noop = await _play(args, suite, backend, Noop(), 1, blocked)
        empty = await _play(args, suite, backend, Scripted(Submit(answer="")), 1, blocked)
    if stop.status is not None:
        if args.json:
            emit_json({"error": "The audit was stopped."})
        return stop.status
    findings = [
        judge(
            task.id,
            [_reward(gold, task, attempt) for attempt in (0, 1)],
            _reward(noop, task),
            _reward(empty, task),
            remarks[task.id],
        )
        for task in tasks
    ]
    failed = [finding for finding in findings if not finding.ok]
    errors = {key[0]: e.error for made in (gold, noop, empty) for key, e in made.items() if e.error}
    if args.json:
        emit_json(
            {
                "suite": suite.name,
                "backend": backend.name,
                "compat": args.compat,
                "ok": not failed,
                "audited": len(findings),
                "failed": len(failed),
                "tasks": [asdict(finding) for finding in findings],
                "remarks": _kinds(remarks),
                "errors": errors,
            }
        )
    else:
        _report(suite, findings, failed, errors)
    return 1 if failed and args.compat is None else 0


def _reward(made: Mapping[tuple[str, int], Episode], task: Task, attempt: int = 0) -> float | None:
    episode = made.get((task.id, attempt))
    return None if episode is None else episode.reward


async def _play(
    args: argparse.Namespace,
    suite: Suite,
    backend: Technology,
    policy: Policy,
    attempts: int,
    blocked: AbstractSet[str],
) -> dict[tuple[str, int], Episode]:
    turns = max((len(task.gold) for task in suite.tasks), default=0) + 1
    made: dict[tuple[str, int], Episode] = {}
    async with (
        rollout(
            suite,
            policy,
            backend=backend,
            attempts=attempts,
            concurrency=args.concurrency,
            limit=args.limit,
            max_turns=turns,
            done={(name, attempt) for name in blocked for attempt in range(attempts)},
        ) as episodes,
        progress(episodes.statistics),
    ):
        async for episode in episodes:
            made[episode.task_id, episode.attempt] = episode
    return made


def _kinds(remarks: Mapping[str, Sequence[Remark]]) -> dict[str, list[str]]:
    """Give the tasks that there are remarks on, by kind."""
    kinds: dict[str, list[str]] = {}
    for task, said in remarks.items():
        for kind in sorted({remark.kind for remark in said if remark.is_fault}):
            kinds.setdefault(kind, []).append(task)
    return kinds


def _said(found: Finding) -> str:
    """Give the reasons, and the remarks that are no faults."""
    others = [f"{remark.kind}: {remark.text}" for remark in found.remarks if not remark.is_fault]
    return "; ".join([*filter(None, [found.reason]), *others])


def _report(
    suite: Suite,
    findings: Sequence[Finding],
    failed: Sequence[Finding],
    errors: Mapping[str, str],
) -> None:
    rows = [
        (
            mark(found.ok),
            found.id,
            " ".join("-" if reward is None else f"{reward:g}" for reward in found.gold),
            found.noop,
            found.empty,
            "; ".join(text for text in (_said(found), errors.get(found.id)) if text),
        )
        for found in findings
    ]
    title = f"{suite.name}: {len(findings) - len(failed)} of {len(findings)} tasks are fair"
    show(table(title, ("", "task", "gold", "no-op", "empty", ""), rows))
    for kind, tasks in _kinds({found.id: found.remarks for found in findings}).items():
        show(f"{kind} ({len(tasks)}): {', '.join(tasks)}")
