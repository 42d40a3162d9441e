"""What is seen of a container whose first process has gone, and of numbers that are used up."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from asynccode.backends.engine.backend import EngineBackend
from asynccode.backends.engine.kernel import follow
from asynccode.backends.engine.state import fingerprint, flags, stillness
from asynccode.images import Image
from asynccode.outcomes import Limits

from .engines import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]


def test_who_is_gone_is_an_error_that_is_told(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    for look in (
        lambda: fingerprint(pid, "nobody", bytes(tmp_path)),
        lambda: stillness(pid),
        lambda: flags(pid),
    ):
        with pytest.raises(OSError, match=r".+"):
            look()


@pytest.mark.anyio
@pytest.mark.engine
async def test_a_container_whose_shell_has_gone_is_not_new(engine: EngineBackend) -> None:
    async with await engine.open(Image(), Limits()) as sandbox:
        mould = sandbox._container.mould
        if mould is None:
            pytest.skip("containers are not used again here")
        with anyio.fail_after(5):
            assert await mould.confirm(99_999) == "shell"


def test_numbers_of_the_kernel_are_given_in_laps() -> None:
    lap = 1 << 15
    assert follow((1, lap, 3 * lap, 64), (0, 63, 2 * lap + 63, 63))
    assert not follow((1, lap, 3 * lap, 65), (0, 63, 2 * lap + 63, 63))
    assert not follow((2, 2, 2, 2), (0, 1, 1, 1)), "somebody took one"
