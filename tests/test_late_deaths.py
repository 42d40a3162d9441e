"""On a busy machine what a time-out kills is a while in dying: no later step hears of it."""

from __future__ import annotations

import signal
from threading import Timer

import pytest

from asynccode.backends import processes
from asynccode.backends.local import LocalBackend
from asynccode.images import Image
from asynccode.outcomes import Limits, Outcome

pytestmark = pytest.mark.anyio


async def test_what_dies_late_is_not_told_in_the_next_step(
    local_backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = processes.send
    late: list[Timer] = []

    def send_late(pid: int, number: int) -> None:
        if number != signal.SIGKILL:
            return send(pid, number)
        late.append(Timer(0.1, send, (pid, number)))
        late[-1].start()
        return None

    monkeypatch.setattr(processes, "send", send_late)
    async with await local_backend.open(Image(), Limits()) as sandbox:
        session = await sandbox.session()
        result = await session.run("(trap '' TERM; while :; do sleep 0.05; done) & wait", seconds=1)
        assert result.outcome is Outcome.TIMEOUT
        assert late, "nothing had to be killed"
        assert (await session.run("sleep 0.2; echo on")).text == "on\n"
        monkeypatch.undo()
    for timer in late:
        timer.join()
