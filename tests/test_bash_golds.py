"""Every task of the suite `bash`, played for real: golds, no-ops, other ways of solving it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio
import pytest

from asynccode.backends.local import LocalBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.interfaces import Worlds
from asynccode.records import Action, StepResult, Submit, Task
from asynccode.tasks.bash import BashSuite, load
from asynccode.tasks.rewards import Effect

pytestmark = pytest.mark.anyio
AT_ONCE = 6
whole_suite = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""Tests that play all tasks do so on one event loop; the others run on both."""

Actions = Callable[[Task], Sequence[Action]]


def task_of(suite: BashSuite, name: str) -> Task:
    return next(task for task in suite.tasks if task.id == name)


async def play(suite: BashSuite, name: str, worlds: Worlds, *actions: Action) -> StepResult:
    """Play one task from its beginning; give the last step."""
    async with suite.environment(task_of(suite, name), worlds) as environment:
        await environment.reset()
        for action in actions:
            result = await environment.step(action)
        return result


async def rewards(suite: BashSuite, worlds: Worlds, actions: Actions) -> dict[str, float | None]:
    """Play every task, a few at once; give the rewards by task."""
    found: dict[str, float | None] = {}
    room = anyio.CapacityLimiter(AT_ONCE)

    async def one(task: Task) -> None:
        async with room:
            found[task.id] = (await play(suite, task.id, worlds, *actions(task))).reward

    async with anyio.create_task_group() as group:
        for task in suite.tasks:
            group.start_soon(one, task)
    return found


def gold_then_submit(task: Task) -> Sequence[Action]:
    return [*task.gold, Submit()]


@pytest.mark.nsjail
@whole_suite
async def test_every_gold_earns_one(nsjail_backend: NsjailBackend) -> None:
    found = await rewards(load("bash"), nsjail_backend, gold_then_submit)
    assert {name: reward for name, reward in found.items() if reward != 1.0} == {}
    assert nsjail_backend.statistics()["open"] == 0


@pytest.mark.nsjail
@whole_suite
async def test_every_gold_earns_one_with_a_fresh_shell_each_step(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = load("bash", semantics="per-step")
    found = await rewards(suite, nsjail_backend, gold_then_submit)
    assert {name: reward for name, reward in found.items() if reward != 1.0} == {}


@whole_suite
async def test_every_gold_earns_one_without_isolation(local_backend: LocalBackend) -> None:
    found = await rewards(load("bash"), local_backend, gold_then_submit)
    assert {name: reward for name, reward in found.items() if reward != 1.0} == {}


@pytest.mark.nsjail
@whole_suite
@pytest.mark.parametrize(
    "actions",
    [[Submit()], [Submit(answer="")], ["pwd; ls", Submit()]],
    ids=["no-op", "empty", "looking"],
)
async def test_doing_nothing_earns_half_at_most(
    nsjail_backend: NsjailBackend, actions: list[Action]
) -> None:
    found = await rewards(load("bash"), nsjail_backend, lambda _: actions)
    assert {n: reward for n, reward in found.items() if reward is None or reward > 0.5} == {}


@pytest.mark.nsjail
@whole_suite
async def test_an_empty_answer_after_the_right_changes_earns_half_at_most(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = load("bash")
    found = await rewards(suite, nsjail_backend, lambda task: [*task.gold, Submit(answer="")])
    for task in suite.tasks:
        assert found[task.id] == 1.0 if task.compare == "none" else found[task.id] in (0.0, 0.5)


@pytest.mark.nsjail
@whole_suite
async def test_two_runs_of_gold_agree_on_both_backends(
    nsjail_backend: NsjailBackend, local_backend: LocalBackend
) -> None:
    async def effects(worlds: Worlds) -> dict[str, Effect]:
        suite = load("bash")
        return {task.id: await suite.gold.effect(task, worlds) for task in suite.tasks}

    first, second, local = [
        await effects(worlds) for worlds in (nsjail_backend, nsjail_backend, local_backend)
    ]
    assert first == second
    # The order of a folder may differ between file systems, and it may show where it is free.
    free = {task.id for task in load("bash").tasks if task.compare == "lines"}
    for name, effect in first.items():
        assert local[name].changes == effect.changes, name
        if name not in free:
            assert local[name].output == effect.output, name


@pytest.mark.nsjail
@whole_suite
async def test_early_actions_of_a_gold_print_nothing(nsjail_backend: NsjailBackend) -> None:
    suite = load("bash")
    for task in suite.tasks:
        async with suite.environment(task, nsjail_backend) as environment:
            await environment.reset()
            for action in task.gold[:-1]:
                assert (await environment.step(action)).observation == "", task.id


OTHER_WAYS = {
    "webserver-errors-by-level": r"""mkdir errors
for l in $(grep -o '\] \[[a-z]*\]' error.log | tr -d '[] ' | sort -u); do
  grep -F "] [$l]" error.log > errors/$l.log; done""",
    "webserver-status-counts": "cut -d' ' -f9 access.log | sort | uniq -c | sort -n | "
    "while read n s; do echo $s $n; done",
    "webserver-redirects": "grep '^/' conf/redirects.txt | tr -s ' ' | sed 's/^/Redirect 301 /' "
    "> conf/redirects.conf; grep -c . conf/redirects.conf",
    "project-clean-up": "rm lib/*.orig lib/*~ docs/notes/*.orig; rm -r build; rmdir docs/drafts",
    "project-line-ends": "for f in $(grep -rl $'\\r' docs lib); do tr -d '\\r' < $f > x; "
    "cat x > $f; done; rm x; echo 3",
    "ledger-drop-doubles": r"""for f in 2023-12:3 2024-02:2 2024-03:4; do
  m=${f%:*}.csv; awk '$0 != last; {last = $0}' transactions/$m > new && mv new transactions/$m
  echo "$m ${f#*:}"; done > removed.txt""",
    "ledger-private": "chmod -R u=rwX,go= */; chmod 600 *.csv *.txt",
    "media-dashing-names": "rm -- inbox/-rf inbox/--help inbox/-",
    "media-no-spaces": r"""for depth in 3 2 1; do
  find photos -mindepth $depth -maxdepth $depth -name '* *' > list
  while IFS= read -r f; do mv "$f" "$(dirname "$f")/$(basename "$f" | tr ' ' _)"; done < list
done; rm list""",
    "config-harden-ssh": """cd etc/ssh; sed -i '6s/.*/PermitRootLogin no/
7s/.*/PasswordAuthentication no/; 9s/.*/MaxAuthTries 3/' sshd_config""",
    "config-merge": r"""declare -A v; for f in conf.d/10-base conf.d/20-site conf.d/90-local; do
while IFS= read -r l; do case $l in '#'*|'') ;; *=*) v[${l%%=*}]=${l#*=};; esac; done < $f; done
for k in "${!v[@]}"; do echo "$k=${v[$k]}"; done | sort > merged.conf""",
    "config-restore": "tar xzf backups/etc-2023.tar.gz; ls",  # wrong on purpose: see below
    "fieldlab-flat-names": "for s in S01 S02 S03 S04 S05; do for f in readings/$s/*; do "
    "mv $f readings/${s}_${f##*/}; done; rmdir readings/$s; done",
    "fieldlab-sightings": r"""cd sightings; sort -u east.txt > e; sort -u west.txt > w
grep -vxFf w e > only-east.txt; grep -vxFf e w > only-west.txt; grep -xFf w e > both.txt
rm e w; wc -l < only-east.txt | tr '\n' ' '; wc -l < only-west.txt | tr '\n' ' '
wc -l < both.txt""",
}


@pytest.mark.nsjail
@whole_suite
async def test_other_ways_of_solving_a_task_earn_one_and_a_wrong_one_does_not(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = load("bash")
    found = {
        name: (await play(suite, name, nsjail_backend, code, Submit())).reward
        for name, code in OTHER_WAYS.items()
    }
    wrong = found.pop("config-restore")
    assert wrong is not None
    assert wrong < 0.5
    assert found == dict.fromkeys(found, 1.0)
