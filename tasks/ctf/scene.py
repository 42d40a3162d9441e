"""Puts a challenge into a sandbox: files, set-up commands, a service."""

from __future__ import annotations

import json
from contextlib import suppress

import anyio

from asynccode.errors import BackendError, TaskDataError
from asynccode.interfaces import Program, Sandbox
from asynccode.outcomes import ExecResult, Outcome
from asynccode.tasks.ctf.challenge import PORT, Scene, program

SECONDS = 60.0
"""How long one set-up command, or the start of a service, may take."""
CLOSE_SECONDS = 30.0
"""How long the end of a service may take."""
_HARNESS = ".harness.py"
"""Where the service's start lies for a moment; it removes itself."""
_LISTENING = b"listening\n"


async def furnish(sandbox: Sandbox, scene: Scene, *, task: str, workdir: str) -> Program | None:
    """Put `scene` into a sandbox in which nobody acts yet; give its service, if it has one.

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
    return None if scene.service is None else await _serve(sandbox, scene, task, workdir)


async def _serve(sandbox: Sandbox, scene: Scene, task: str, workdir: str) -> Program:
    settings = {"program": scene.service, "secret": scene.secret, "port": PORT}
    await sandbox.write(f"{workdir}/{_HARNESS}", program("harness").encode(), mode=0o600)
    service = await sandbox.start(["python3", "-I", _HARNESS], cwd=workdir)
    try:
        with anyio.move_on_after(SECONDS) as clock:
            if await _is_listening(service, json.dumps(settings).encode()):
                return service
            status = await service.wait()
            errors = await service.receive(errors=True)
        if clock.cancelled_caught:
            raise BackendError(f"The service of task {task!r} did not start in {SECONDS:g} s.")
    except BaseException:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await service.aclose()
        raise
    await service.aclose()
    if status == 127:
        raise TaskDataError(
            f"Task {task!r} needs python3 in its sandbox: name a --base that has it, such as "
            "debian-12-intercode."
        )
    said = " ".join(errors.decode("utf-8", "replace").split())[-300:]
    raise BackendError(
        f"The service of task {task!r} did not start (port {PORT} may be taken where the "
        f"backend does not isolate the network): it ended with {status} and said {said!r}."
    )


async def _is_listening(service: Program, settings: bytes) -> bool:
    """Tell a service what to serve; False if it ends in place of listening."""
    with suppress(anyio.BrokenResourceError):
        await service.send(settings)
        await service.send_eof()
    said = b""
    while not said.endswith(_LISTENING):
        chunk = await service.receive()
        if not chunk:
            return False
        said += chunk
    return True


def _how(result: ExecResult) -> str:
    said = " ".join(result.text.split())[-300:]
    how = f"ended with {result.exit_code}" if result.outcome is Outcome.NONZERO else result.outcome
    return f"{how} and said {said!r}" if said else str(how)
