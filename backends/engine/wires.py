"""The wire to a shell beside a container's first."""

from __future__ import annotations

from collections.abc import Sequence

from asynccode.backends.engine import spec
from asynccode.backends.engine.api import Engine
from asynccode.backends.engine.attached import Attached
from asynccode.backends.engine.finishing import finish
from asynccode.images import Image
from asynccode.shell.inband import Absent, InbandWire


class ExecWire(InbandWire):
    """A wire to one more process of a container, started when it is first needed."""

    def __init__(
        self, engine: Engine, container: str, image: Image, ahead: Sequence[str] = ()
    ) -> None:
        super().__init__(Absent())
        self._ahead = ahead
        self._engine, self._container, self._image = engine, container, image
        self._attached: Attached | None = None

    def start(self, token: str) -> bool:
        """Start the shell, unless there is no keeper yet."""
        self._following = token
        return self._attached is not None and super().start(token)

    async def flush(self) -> None:
        """Start the keeper, and the shell; it is there for who comes next if we are cancelled."""
        if self._attached is None:
            await finish(self._connect)

    async def _connect(self) -> None:
        config = spec.execution(self._image, [*self._ahead, *spec.keeper(first=False)])
        _, attached = await self._engine.streams.execute(self._container, config)
        self._link = self._attached = attached
        attached.listen(self)
        super().start(self._following)
