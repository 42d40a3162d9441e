"""What other people's code lets out that is no ordinary error, and what tasks raise together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, TypeVar

import anyio
from attrs import define, field

from asynccode.errors import AsynccodeError, Escaped, Unavailable
from asynccode.scope import Scope

S = TypeVar("S", bound=Scope)


def describe(error: BaseException) -> str:
    """Put an error into one line: our own by its message, others with their type."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 (an error of somebody else's whose own text is an error)
        text = ""
    name = type(error).__name__
    if isinstance(error, AsynccodeError) and text:
        return text
    return f"{name}: {text}" if text else name


@define(eq=False)
class contained:  # noqa: N801 (a context manager, used like a function)
    """A block of somebody else's code: all that it lets out is an error like any other.

    A cancellation that nobody asked of us (of a task of its own that it waited for, say) would
    end tasks quietly, and what they were to give would be missing; a `SystemExit` in a task
    breaks asyncio's loop. They become `Escaped`, and so does whatever else is no `Exception`.
    Cancellations of ours, `KeyboardInterrupt` and ordinary errors pass.
    """

    _task: int = field(init=False)
    _asked: int = field(init=False)

    def __enter__(self) -> None:
        self._task = anyio.get_current_task().id
        self._asked = _requests()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception) or self._is_asked_for(error):
            return
        unasked = holds(error, GeneratorExit) or holds(error, anyio.get_cancelled_exc_class())
        text = f"{type(error).__name__}, which nobody asked for" if unasked else describe(error)
        raise Escaped(text) from error

    def _is_asked_for(self, error: BaseException) -> bool:
        if isinstance(error, GeneratorExit):
            # Whoever closes a coroutine that waits is not the task that it ran in.
            return not self._is_here()
        if holds(error, anyio.get_cancelled_exc_class()):
            return self._is_cancelled()
        return holds(error, KeyboardInterrupt)

    def _is_here(self) -> bool:
        try:
            return anyio.get_current_task().id == self._task
        except RuntimeError:  # no event loop runs any more
            return False

    def _is_cancelled(self) -> bool:
        """Whether a scope around us is cancelled, or, on asyncio, our task itself since."""
        return anyio.current_effective_deadline() == -math.inf or _requests() > self._asked


@define(eq=False)
class Guarded(Generic[S]):
    """Enters a scope of somebody else's; both ends of it are `contained`."""

    scope: S

    async def __aenter__(self) -> S:
        with contained():
            return await self.scope.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contained():
            await self.scope.__aexit__(kind, error, trace)


def holds(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error is of a kind, or a group with one of that kind."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(kind) is not None
    return isinstance(error, kind)


def _requests() -> int:
    """How many cancellations of the running task are pending by asyncio's own count."""
    if not anyio.get_cancelled_exc_class().__module__.startswith("asyncio"):
        return 0
    import asyncio  # it is there already

    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


@contextmanager
def collapsed() -> Iterator[None]:
    """Raise the one error of a task group itself, so that callers can catch it by its type."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        # One broken backend fails many tasks at once: one sentence says it for all.
        first = next((e for e in errors if isinstance(e, Unavailable)), errors[0])
        if all(type(error) is type(first) for error in errors):
            raise first from first.__cause__
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
