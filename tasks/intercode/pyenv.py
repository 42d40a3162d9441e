"""IC-Python as it was: everything wrapped in `print`, and gold in the agent's own interpreter.

Known deviations, all towards one episode not spoiling another:

- Each episode has a new interpreter in a sandbox of its own; in the original the process lives
  on, and with it `sys.modules`, files and whatever was done to the built-ins.
- A command that runs over its time is ended; in the original its thread spins on.
- Where the original's whole run dies (`OriginalCrashError`), the episode ends here, with reward
  0.0, outcome `refused` and `original_error` in the info.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from asynccode.errors import AsynccodeError, InputError
from asynccode.interfaces import Environment, Sandbox, Suite, Worlds, sandbox_of
from asynccode.outcomes import Limits, Outcome
from asynccode.python import PythonSession, open_python
from asynccode.records import Action, Brief, Skip, StepResult, Submit, Task
from asynccode.tasks.closing import close
from asynccode.tasks.intercode.mbpp import FIRST_FUNCTION
from asynccode.tasks.intercode.pyserver import RESET, SECONDS, Result, Server
from asynccode.tasks.intercode.quoting import OriginalCrashError
from asynccode.tasks.intercode.recorded import RecordedEpisode
from asynccode.tasks.python.parsing import parse

LIMITS = Limits(step_seconds=SECONDS)
Level = Literal[0, 1, 2]
"""The harness's SHOW_FAILED_CASE (eval_n_turn.py): what is told of a submission that failed."""
_NAME = re.compile(r"def (\w+)\(")


def wrapped(command: str) -> str:
    """Give what is executed for an action (python_env.py:66-81).

    Raises `SyntaxError` and whatever else the host's own parser raises.
    """
    nodes = list(ast.walk(parse(command.strip())))
    kept = command.strip().startswith("assert") or any(
        isinstance(node, (ast.Assign, ast.Import)) or _is_print(node) for node in nodes
    )
    return command if kept else f"print({command})"


def _is_print(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    )


def told(level: Level, results: Mapping[str, Result], observation: str) -> str:
    """Give what the harness shows after a submission that did not earn 1 (eval_n_turn.py)."""
    failed = [test for test, result in results.items() if result["error"]]
    if level == 2:
        return f"Failed {len(failed)}/{len(results)} Test Cases. Please try again."
    if not failed:
        return observation
    if level == 1:
        return f"Failed Test Case: {failed[0]}\nPlease try again."
    return "Test case did not pass. Please try again."


def level_of(episode: RecordedEpisode) -> Level:
    """Tell from what was shown which level a recorded episode was played with."""
    for turn in episode.turns:
        if (turn.observation or "").startswith("Failed Test Case: "):
            return 1
        if (turn.observation or "").startswith("Failed "):
            return 2
    return 0


class CompatPythonEnvironment(Environment):
    """One MBPP task with the original's semantics, bugs included."""

    def __init__(
        self,
        task: Task,
        worlds: Worlds,
        *,
        limits: Limits,
        score_every_turn: bool = False,
        level: Level = 0,
    ) -> None:
        """Take a task of `mbpp.load(..., compat=True)`.

        With `score_every_turn` a definition is submitted at once, as the original's harness did
        (eval_n_turn.py:126-147), and `level` says what is shown if it fails.
        """
        self.task = task
        self.score_every_turn, self.level = score_every_turn, level
        self._worlds, self._limits = worlds, limits
        self._sandbox: Sandbox | None = None
        self._session: PythonSession | None = None
        self._server: Server | None = None
        self._observation = task.query

    async def reset(self) -> str:
        """Open a sandbox with a server in it, and give the query."""
        await self.aclose()
        self._observation = self.task.query
        self._sandbox = sandbox_of(await self._worlds.open(self.task.image, self._limits))
        self._session = await open_python(self._sandbox, self._limits)
        self._server = Server(self._session)
        await self._server.start()
        return self.task.query

    async def step(self, action: Action) -> StepResult:
        """Act (ic_env.py:83-113). Raises `InputError` before `reset` and after `aclose`."""
        if self._server is None:
            raise InputError(f"Task {self.task.id!r} is not running: call reset first.")
        if isinstance(action, Skip) or action == "skip":
            return StepResult("skipped", 0.0, True, False, _info())
        server = self._server
        try:
            if isinstance(action, Submit) or action.startswith("submit"):
                return await self._submit(server, str(action))
            info = await self._act(server, action)
            if not (self.score_every_turn and action.startswith("def")):
                return StepResult(self._observation, 0.0, False, False, info)
            return await self._submit_at_once(server, action, info)
        except (OriginalCrashError, TimeoutError) as crash:
            info = _info() | {"outcome": Outcome.REFUSED, "original_error": str(crash)}
            return StepResult(self._observation, 0.0, True, False, info)

    async def _act(self, server: Server, action: str) -> dict[str, Any]:
        """Execute an action; `valid` is the original's, which is the wrong way round."""
        try:
            code = action if action.strip().startswith("def ") else wrapped(action)
            result = await server.execute(code)
        except (OriginalCrashError, AsynccodeError):
            raise
        except Exception as error:  # noqa: BLE001 (as the original: python_env.py:39)
            self._observation = f"Error executing action: {error}"
            late = isinstance(error, TimeoutError)
            return _info(Outcome.TIMEOUT if late else Outcome.REFUSED) | {"valid": False}
        self._observation = str(result)
        failed = bool(result["error"])
        return _info(Outcome.NONZERO if failed else Outcome.OK) | {"valid": failed}

    async def _submit_at_once(
        self, server: Server, action: str, info: dict[str, Any]
    ) -> StepResult:
        found = _NAME.match(action)
        if found is None:
            raise OriginalCrashError("AttributeError: 'NoneType' object has no attribute 'group'")
        reward, parts = await self._reward(server, found[1])
        seen = self._observation
        if reward != 1:
            seen = told(self.level, parts["results"], seen)
        info["reward_parts"] = {"tests": reward}
        return StepResult(seen, reward, False, False, info)

    async def _submit(self, server: Server, action: str) -> StepResult:
        words = action.split(" ")
        if len(words) < 2:
            raise OriginalCrashError("IndexError: list index out of range")
        reward, _ = await self._reward(server, words[1])
        info = _info() | {"valid": True, "reward_parts": {"tests": reward}}
        return StepResult(self._observation, reward, True, False, info)

    async def _reward(self, server: Server, name: str) -> tuple[float, dict[str, Any]]:
        """Score a submission (python_env.py:91-128): gold's namespace is there from then on."""
        gold, tests = self.task.gold[0], list(dict.fromkeys(self.task.metadata["tests"]))
        setup = self.task.metadata["setup"]
        found = FIRST_FUNCTION.search(gold)
        if found is None:
            raise OriginalCrashError("AttributeError: 'NoneType' object has no attribute 'group'")
        await server.execute(f"{found[1]} = {name}")
        await server.execute(setup)
        ours = {test: await server.execute(test) for test in tests}
        for command in (RESET, setup, gold):
            await server.execute(command)
        theirs = {test: await server.execute(test) for test in tests}
        same = sum(ours[test] == theirs[test] for test in tests)
        return same / len(tests), {"results": ours}

    def brief(self) -> Brief:
        """Say which interpreter it is."""
        return Brief(language="python", about="The actions run in a Python 3 interpreter.")

    async def aclose(self) -> None:
        """Close the session and the sandbox."""
        session, sandbox = self._session, self._sandbox
        self._session = self._sandbox = self._server = None
        await close(session, sandbox)


def _info(outcome: Outcome | None = None) -> dict[str, Any]:
    return {"outcome": outcome, "exit_code": None, "valid": None, "truncated": False}


class CompatPythonSuite(Suite):
    """MBPP with the original's semantics."""

    def __init__(self, tasks: Sequence[Task], *, name: str, limits: Limits = LIMITS) -> None:
        self.name = name
        self.tasks = tuple(tasks)
        self.limits = limits

    def environment(self, task: Task, worlds: Worlds) -> CompatPythonEnvironment:
        """Give a fresh environment for `task`."""
        return CompatPythonEnvironment(task, worlds, limits=self.limits)

    def reborn(self, born: int) -> CompatPythonSuite:
        """Give the suite itself: no task looks at the age of files."""
        return self

    def rehearsal(
        self, task: Task, worlds: Worlds, episode: RecordedEpisode, *, scored: bool
    ) -> CompatPythonEnvironment:
        """Give an environment that does what the harness of a recorded episode did."""
        return CompatPythonEnvironment(
            task, worlds, limits=self.limits, score_every_turn=scored, level=level_of(episode)
        )

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the mode and of all tasks."""
        digests = {id(task.image): task.image.digest for task in self.tasks}
        rows = [[t.id, t.query, t.gold, digests[id(t.image)], dict(t.metadata)] for t in self.tasks]
        text = json.dumps(["intercode-1.0.2", rows], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
