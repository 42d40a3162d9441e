"""The Bash environment on real backends: what is scored, what is said, what is left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest
from attrs import evolve

from asynccode.backends.local import LocalBackend
from asynccode.backends.nsjail import NsjailBackend
from asynccode.errors import InputError, TaskDataError
from asynccode.interfaces import Worlds
from asynccode.outcomes import ExecResult, Limits, Outcome
from asynccode.records import Action, Skip, StepResult, Submit, Task
from asynccode.tasks.bash import BashEnvironment, BashSuite, load, observe
from asynccode.tasks.rewards import Effect

pytestmark = [pytest.mark.anyio]
AT_ONCE = 6

whole_suite = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""Tests that play all tasks do so on one event loop; the others run on both."""

Actions = Callable[[Task], Sequence[Action]]


def task_of(suite: BashSuite, name: str) -> Task:
    return next(task for task in suite.tasks if task.id == name)


async def act(environment: BashEnvironment, *actions: Action) -> StepResult:
    for action in actions:
        result = await environment.step(action)
    return result


async def play(suite: BashSuite, name: str, worlds: Worlds, *actions: Action) -> StepResult:
    """Play one task from its beginning; give the last step."""
    async with suite.environment(task_of(suite, name), worlds) as environment:
        await environment.reset()
        return await act(environment, *actions)


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


def small(*gold: Any, compare: str = "normalised", **limits: float) -> BashSuite:
    """A suite of one task `t` in an empty world."""
    actions: Any = gold
    task = Task(id="t", query="Do it.", gold=actions, compare=compare)
    return BashSuite([task], limits=Limits(**limits) if limits else None)  # type: ignore[arg-type]


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


@pytest.mark.nsjail
async def test_gold_never_enters_the_agents_sandbox(nsjail_backend: NsjailBackend) -> None:
    secret = "forty-two-whales"
    suite = small(f": {secret}; echo 1 > a; echo {secret}")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        assert nsjail_backend.statistics()["open"] == 1
        assert nsjail_backend.statistics()["opened"] == 2
        search = (
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n';"
            " grep -rslF forty-two-wh'ales' / --exclude-dir=proc --exclude-dir=sys"
            " --exclude-dir=usr --exclude-dir=dev; ls -A"
        )
        result = await environment.step(search)
        assert secret not in result.observation
        assert result.observation.count("forty-two") == 0
        await environment.step(Submit())
        assert nsjail_backend.statistics()["opened"] == 2


@pytest.mark.nsjail
async def test_side_effects_cost_but_scratch_paper_is_free(nsjail_backend: NsjailBackend) -> None:
    suite = load("bash")
    name = "webserver-busiest-hour"
    (gold,) = task_of(suite, name).gold
    for before, reward in [
        ("echo x > /tmp/x; mkdir -p /tmp/a/b; touch ~/.bash_history", 1.0),
        ("touch notes", 0.0),
        ("rm README", 0.0),
        ("chmod 600 README", 0.0),
        ("touch README; cp README x; mv x README", 1.0),
    ]:
        result = await play(suite, name, nsjail_backend, before, gold, Submit())
        assert result.reward == reward, before
        assert result.info["reward_parts"] == {"state": reward, "answer": 1.0, "reward": reward}


@pytest.mark.nsjail
async def test_the_answer_is_what_is_submitted_or_else_the_last_output(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = small("echo 7")
    tries: list[tuple[list[Action], float]] = [
        (["echo 7", Submit()], 1.0),
        (["echo 7", "echo 8", Submit()], 0.0),
        (["echo 7", "true", Submit()], 0.0),
        (["echo 8", Submit(answer="7")], 1.0),
        (["echo 7", Submit(answer="8")], 0.0),
        ([Submit(answer="7\n")], 1.0),
        ([Submit()], 0.0),
    ]
    for actions, reward in tries:
        result = await play(suite, "t", nsjail_backend, *actions)
        assert (result.reward, result.terminated, result.truncated) == (reward, True, False)


@pytest.mark.nsjail
async def test_skipping_earns_nothing(nsjail_backend: NsjailBackend) -> None:
    result = await play(small("echo 7"), "t", nsjail_backend, "echo 7", Skip())
    assert (result.reward, result.terminated) == (0.0, True)


@pytest.mark.nsjail
async def test_one_shell_serves_the_whole_episode(nsjail_backend: NsjailBackend) -> None:
    suite = small("true", compare="none")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        assert await environment.reset() == "Do it."
        assert environment.semantics == "persistent"
        await act(environment, "mkdir d; cd d; f() { echo $x; }", "x=5")
        result = await environment.step("f; pwd")
        assert result.observation == "5\n/work/d\n"
        assert result.reward is None
        info = dict(result.info)
        assert info.pop("seconds") > 0
        assert info == {
            "outcome": Outcome.OK,
            "exit_code": 0,
            "valid": True,
            "truncated": False,
            "restarted": False,
        }


@pytest.mark.nsjail
async def test_per_step_semantics_keep_files_alone(nsjail_backend: NsjailBackend) -> None:
    suite = BashSuite(small("echo 1 > a", "cat a").tasks, semantics="per-step")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        assert environment.semantics == "per-step"
        result = await act(environment, "mkdir d; cd d; x=5", 'echo "$x"; pwd; ls')
        assert result.observation == "\n/work\nd\n"
        result = await act(environment, "rmdir d; echo 1 > a", "cat a", Submit())
        assert result.reward == 1.0


@pytest.mark.nsjail
async def test_a_reset_starts_afresh_in_a_new_world(nsjail_backend: NsjailBackend) -> None:
    suite = small("echo 7")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        await act(environment, "touch x; y=1", "echo 7")
        await environment.reset()
        assert nsjail_backend.statistics()["open"] == 1
        assert (await environment.step("ls; echo $y")).observation == "\n"
        await environment.reset()
        assert (await environment.step(Submit())).reward == 0.0


@pytest.mark.nsjail
async def test_a_time_out_and_a_restart_are_said_and_are_no_part_of_the_answer(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = small("echo 7", step_seconds=0.3)
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        result = await act(environment, "x=5", "echo 7; sleep 60")
        assert result.observation.startswith("7\n")
        assert result.observation.endswith("\n[timed out after 0.3 s; the shell is still there]")
        assert result.info["outcome"] is Outcome.TIMEOUT
        assert (await environment.step("echo $x")).observation == "5\n"
        result = await environment.step("printf 7; kill -9 $$")
        assert result.info["restarted"]
        assert result.observation == (
            "7\n[killed]\n[the shell was restarted: its variables and its directory are lost]"
        )
        assert (await environment.step(Submit())).reward == 1.0


@pytest.mark.nsjail
async def test_code_with_a_nul_is_refused_and_not_valid(nsjail_backend: NsjailBackend) -> None:
    for suite in (small("true"), BashSuite(small("true").tasks, semantics="per-step")):
        result = await play(suite, "t", nsjail_backend, "echo a\0b")
        assert result.info["valid"] is False
        assert result.info["outcome"] is Outcome.REFUSED
        assert result.observation.startswith("[refused: code cannot hold a NUL character")


@pytest.mark.nsjail
async def test_a_cancelled_step_can_be_followed_by_a_submission(
    nsjail_backend: NsjailBackend,
) -> None:
    suite = small("echo 7 > a", compare="none")
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        await environment.reset()
        with anyio.move_on_after(0.2):
            await environment.step("echo 7 > a; sleep 60")
        assert (await environment.step(Submit())).reward == 1.0


@pytest.mark.nsjail
async def test_many_episodes_of_a_task_play_gold_once(nsjail_backend: NsjailBackend) -> None:
    suite = small("echo 7")
    found: list[float | None] = []

    async def episode() -> None:
        found.append((await play(suite, "t", nsjail_backend, "echo 7", Submit())).reward)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(episode)
    assert found == [1.0] * 20
    assert nsjail_backend.statistics()["opened"] == 21


@pytest.mark.nsjail
@pytest.mark.parametrize(
    ("gold", "said"),
    [("sleep 60", "'t'.*action 2.*ended as timeout"), ("exit 3", "'t'.*action 2.*ended the shell")],
)
async def test_a_gold_that_fails_is_an_error_of_the_task(
    nsjail_backend: NsjailBackend, gold: str, said: str
) -> None:
    suite = small("true", gold, step_seconds=0.3)
    async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
        with pytest.raises(TaskDataError, match=said):
            await environment.reset()
    assert nsjail_backend.statistics()["open"] == 0


@pytest.mark.nsjail
async def test_a_gold_may_end_with_a_status_of_its_own(nsjail_backend: NsjailBackend) -> None:
    result = await play(
        small("echo none; grep -q x /dev/null"), "t", nsjail_backend, "echo none", Submit()
    )
    assert result.reward == 1.0


@pytest.mark.nsjail
async def test_leaving_at_any_time_leaves_nothing_behind(nsjail_backend: NsjailBackend) -> None:
    suite = small("sleep 0.05", compare="none")
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.2):
        with anyio.move_on_after(delay):
            async with suite.environment(suite.tasks[0], nsjail_backend) as environment:
                await environment.reset()
                await environment.step("sleep 60")
        assert nsjail_backend.statistics()["open"] == 0


async def test_an_environment_is_reset_before_it_is_stepped(local_backend: LocalBackend) -> None:
    suite = small("echo 7")
    environment = suite.environment(suite.tasks[0], local_backend)
    with pytest.raises(InputError, match="'t' is not running: call reset first"):
        await environment.step("true")
    await environment.reset()
    await environment.aclose()
    await environment.aclose()
    with pytest.raises(InputError, match="call reset first"):
        await environment.step(Submit())


RESULT = ExecResult(outcome=Outcome.OK, exit_code=0, output=b"out\n")


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (Outcome.TIMEOUT, "timed out after 30 s"),
        (Outcome.OUTPUT_LIMIT, "stopped after 1048576 bytes of output"),
        (Outcome.MEMORY_LIMIT, "stopped at the memory limit of 512 MiB"),
        (Outcome.PROCESS_LIMIT, "stopped at the limit of 128 processes"),
        (Outcome.DISK_LIMIT, "stopped at the disk limit of 256 MiB"),
        (Outcome.KILLED, "killed"),
    ],
)
async def test_each_limit_is_said_in_one_line(outcome: Outcome, note: str) -> None:
    result = evolve(RESULT, outcome=outcome)
    assert observe(result, Limits()) == f"out\n[{note}; the shell is still there]"
    assert observe(result, Limits(), "per-step") == f"out\n[{note}]"
    lost = observe(evolve(result, restarted=True), Limits())
    assert lost.splitlines()[1:] == [
        f"[{note}]",
        "[the shell was restarted: its variables and its directory are lost]",
    ]


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.NONZERO])
async def test_an_ordinary_step_shows_its_output_alone(outcome: Outcome) -> None:
    assert observe(evolve(RESULT, outcome=outcome), Limits()) == "out\n"
    cut = observe(evolve(RESULT, outcome=outcome, truncated=True), Limits())
    assert cut == "out\n[only the first 1048576 bytes of output are shown]"
