"""Tasks to solve in a Bash shell: a suite of our own, and the environment they are played in.

The tasks lie in `data/bash`, one folder per file system:

    filesystem.json   what is in the working folder (`asynccode.images.Manifest`)
    tasks.json        {"about", "provenance", "tasks": [{"id", "query", "gold", "difficulty",
                      "compare", "ignore"}]}, the last two optional

Paths in the gold are relative to the working folder, so the same task runs wherever that
is. `--data DIR` names another folder laid out like this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from asynccode.errors import InputError
from asynccode.images import Image, Manifest
from asynccode.interfaces import Environment, Sandbox, Session, Suite, Worlds, sandbox_of
from asynccode.outcomes import ExecResult, Limits, MiB, Outcome
from asynccode.records import Action, Brief, Skip, StepResult, Submit, Task
from asynccode.tasks.closing import close
from asynccode.tasks.files import check_ids, in_one, reading, task_files
from asynccode.tasks.rewards import Effect, GoldEffects, comparer, score
from asynccode.tasks.rewards.gold import play_gold

DATA = Path(__file__).parent / "data" / "bash"

Semantics = Literal["persistent", "per-step"]


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    semantics: Semantics = "persistent",
) -> BashSuite:
    """Load the suite `bash`; `data` is a folder like `data/bash`, `base` overrides the images'.

    Raises `InputError` if `compat` is asked for, `TaskDataError` if the data cannot be used.
    """
    if compat is not None:
        raise InputError(
            f"The suite {name!r} has no mode {compat!r}: leave out --compat, or name an "
            "InterCode suite such as intercode/nl2bash-1."
        )
    return BashSuite(read_tasks(data or DATA, base or "host"), name=name, semantics=semantics)


def read_tasks(folder: Path, base: str = "host") -> tuple[Task, ...]:
    """Read all tasks below `folder`. Raises `TaskDataError`."""
    files = task_files(folder, "Bash", "tasks.json and filesystem.json")
    tasks = tuple(task for file in files for task in _read(file, base))
    check_ids(tasks, folder)
    return tasks


def _read(file: Path, base: str) -> Iterator[Task]:
    with reading(file) as raw:
        # One image object for all tasks: pools and caches look at it once.
        image = Image(base=base, layers=(Manifest.load(file.with_name("filesystem.json")),))
        for item in raw["tasks"]:
            comparer(compare := item.get("compare", "normalised"))
            yield Task(
                id=item["id"],
                query=item["query"],
                gold=item["gold"],
                image=image,
                compare=compare,
                metadata={
                    "filesystem": file.parent.name,
                    "provenance": raw["provenance"],
                    "difficulty": item["difficulty"],
                    "ignore": tuple(item.get("ignore", ())),
                },
            )


class BashSuite(Suite):
    """Tasks that are solved with shell commands and scored by what changed and what was said."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        name: str = "bash",
        limits: Limits | None = None,
        semantics: Semantics = "persistent",
    ) -> None:
        """Take tasks. With `per-step`, a gold of several actions becomes a single one.

        The later actions of a gold rely on the shell's variables and folder, which a fresh
        shell would not have.
        """
        if semantics not in ("persistent", "per-step"):
            raise InputError(f"semantics is persistent or per-step, not {semantics!r}.")
        if semantics == "per-step":
            tasks = [in_one(task) for task in tasks]
        self.name = name
        self.tasks = tuple(tasks)
        self.limits = limits or Limits()
        self.semantics: Semantics = semantics
        """Whether one shell serves the whole episode, or each step has a fresh one."""
        self.gold = GoldEffects(lambda task, worlds: play_gold(task, worlds, self.limits))
        self._digest: str | None = None

    def environment(self, task: Task, worlds: Worlds) -> BashEnvironment:
        """Give a fresh environment for `task`."""
        return BashEnvironment(self, task, worlds)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the semantics and of all that tasks are made of."""
        if self._digest is None:
            images = {id(task.image): task.image for task in self.tasks}
            digests = {key: image.digest for key, image in images.items()}
            rows = [
                [t.id, t.query, t.gold, digests[id(t.image)], t.compare, dict(t.metadata)]
                for t in self.tasks
            ]
            text = json.dumps([self.semantics, rows], sort_keys=True, default=str)
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest


class BashEnvironment(Environment):
    """One task in one world; scored once, when the agent submits.

    The agent's answer is what `Submit` carries, or else the output of its last step as the
    shell wrote it. The reward is explained in `asynccode.tasks.rewards.scoring`.
    """

    def __init__(self, suite: BashSuite, task: Task, worlds: Worlds) -> None:
        self.task = task
        self.semantics = suite.semantics
        self._suite, self._worlds = suite, worlds
        self._gold = Effect()
        self._sandbox: Sandbox | None = None
        self._session: Session | None = None
        self._answer = ""

    async def reset(self) -> str:
        """Find out what gold does unless it is known, open a world, and give the query."""
        await self.aclose()
        # Before the agent's world is there: whoever waits for gold holds no sandbox.
        self._gold = await self._suite.gold.effect(self.task, self._worlds)
        self._answer = ""
        self._sandbox = sandbox_of(await self._worlds.open(self.task.image, self._suite.limits))
        if self.semantics == "persistent":
            self._session = await self._sandbox.session()
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Run code, submit or skip. Raises `InputError` before `reset` and after `aclose`."""
        if self._sandbox is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip):
            return StepResult("", 0.0, True, False, step_info())
        if isinstance(action, Submit):
            return await self._submit(self._sandbox, action)
        if self._session is not None:
            result = await self._session.run(action)
        else:
            result = await self._sandbox.exec(["bash", "-c", action])
        self._answer = result.text
        observation = observe(result, self._suite.limits, self.semantics)
        return StepResult(observation, None, False, False, step_info(result))

    async def score(self) -> StepResult:
        """Score what is there now, and the output of the last step."""
        if self._sandbox is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        return await self._submit(self._sandbox, Submit())

    def brief(self) -> Brief:
        """Say which shell it is, and what an answer is."""
        kept = (
            "Variables and the working folder are kept from one action to the next."
            if self.semantics == "persistent"
            else "Each action runs in a fresh shell that starts in the same folder."
        )
        where = f"The actions run in Bash on Linux, in the folder {self.task.image.workdir}."
        return Brief(
            language="bash",
            about=f"{where} {kept} Judged is what the last action wrote, or the answer of the "
            "submission, and which files have changed.",
        )

    async def _submit(self, sandbox: Sandbox, action: Submit) -> StepResult:
        agent = Effect(
            changes=await sandbox.changes(hashes=True),
            output=self._answer if action.answer is None else action.answer,
        )
        parts = score(
            agent,
            self._gold,
            compare=self.task.compare,
            workdir=self.task.image.workdir,
            ignore=self.task.metadata.get("ignore", ()),
        )
        return StepResult("", parts["reward"], True, False, step_info() | {"reward_parts": parts})

    async def aclose(self) -> None:
        """Close the session and the sandbox."""
        session, sandbox = self._session, self._sandbox
        self._session = self._sandbox = None
        await close(session, sandbox)


def step_info(result: ExecResult | None = None) -> dict[str, Any]:
    """Give the `info` of a step that ran, or (None) of one that ran no code."""
    if result is None:
        return {"outcome": None, "exit_code": None, "valid": True, "truncated": False}
    return {
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "valid": result.outcome is not Outcome.REFUSED,
        "truncated": result.truncated,
        "seconds": result.seconds,
        "restarted": result.restarted,
    }


def observe(
    result: ExecResult, limits: Limits, semantics: str = "persistent", who: str = "shell"
) -> str:
    """Give a step's output as the agent sees it: with a line on each thing it must know.

    `who` runs the steps, in a word.
    """
    notes = []
    said = {
        Outcome.TIMEOUT: f"timed out after {limits.step_seconds:g} s",
        Outcome.OUTPUT_LIMIT: f"stopped after {limits.output_bytes} bytes of output",
        Outcome.MEMORY_LIMIT: f"stopped at the memory limit of {limits.memory_bytes // MiB} MiB",
        Outcome.PROCESS_LIMIT: f"stopped at the limit of {limits.processes} processes",
        Outcome.DISK_LIMIT: f"stopped at the disk limit of {limits.disk_bytes // MiB} MiB",
        Outcome.KILLED: "killed",
        Outcome.REFUSED: "refused: code cannot hold a NUL character",
    }.get(result.outcome)
    if said is not None:
        there = semantics == "persistent" and not result.restarted
        notes.append(f"[{said}; the {who} is still there]" if there else f"[{said}]")
    elif result.truncated:
        notes.append(f"[only the first {limits.output_bytes} bytes of output are shown]")
    if result.restarted:
        notes.append(f"[the {who} was restarted: its variables and its directory are lost]")
    text = result.text
    if notes and text and not text.endswith("\n"):
        text += "\n"
    return text + "\n".join(notes)
