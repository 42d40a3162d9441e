"""Puts a challenge into a sandbox: files, set-up commands, a service."""

from __future__ import annotations

import json

from asynccode.errors import BackendError, TaskDataError
from asynccode.interfaces import Sandbox
from asynccode.outcomes import ExecResult, Outcome
from asynccode.tasks.ctf.challenge import PORT, Scene, program

SECONDS = 60.0
"""How long one set-up command, or the start of a service, may take."""
_HARNESS, _SETTINGS = ".harness.py", ".service.json"
"""Where the service's start lies for a moment; it removes both itself."""


async def furnish(sandbox: Sandbox, scene: Scene, *, task: str, workdir: str) -> None:
    """Put `scene` into a sandbox in which nobody acts yet.

    Raises `TaskDataError` if a set-up command fails or if the service's Python is not there,
    `BackendError` if the service does not start or what the sandbox raises.
    """
    for name, data in scene.files.items():
        await sandbox.write(f"{workdir}/{name}", data, mode=scene.modes.get(name, 0o644))
    for command in scene.setup:
        result = await sandbox.exec(["bash", "-c", command], cwd=workdir, seconds=SECONDS)
        if result.outcome is not Outcome.OK:
            raise TaskDataError(
                f"Task {task!r} cannot be set up: {command!r} {_how(result)}; "
                "it may need a network or a program that its sandbox has not."
            )
    if scene.service is not None:
        await _serve(sandbox, scene, task, workdir)


async def _serve(sandbox: Sandbox, scene: Scene, task: str, workdir: str) -> None:
    settings = {"program": scene.service, "secret": scene.secret, "port": PORT}
    await sandbox.write(f"{workdir}/{_SETTINGS}", json.dumps(settings).encode(), mode=0o600)
    await sandbox.write(f"{workdir}/{_HARNESS}", program("harness").encode(), mode=0o600)
    start = ["python3", "-I", _HARNESS, _SETTINGS]
    result = await sandbox.exec(start, cwd=workdir, seconds=SECONDS)
    if result.exit_code == 127:
        raise TaskDataError(
            f"Task {task!r} needs python3 in its sandbox: name a --base that has it, such as "
            "debian-12-intercode."
        )
    if result.outcome is not Outcome.OK:
        raise BackendError(
            f"The service of task {task!r} did not start (port {PORT} may be taken where the "
            f"backend does not isolate the network): it {_how(result)}."
        )


def _how(result: ExecResult) -> str:
    said = " ".join(result.text.split())[-300:]
    how = f"ended with {result.exit_code}" if result.outcome is Outcome.NONZERO else result.outcome
    return f"{how} and said {said!r}" if said else str(how)
