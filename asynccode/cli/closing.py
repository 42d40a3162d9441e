"""A scope of somebody else's that a command uses: how it closes does not hide what was done."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from attrs import define, field

from asynccode.cli.output import say
from asynccode.errors import AsynccodeError, InputError
from asynccode.escapes import Guarded, describe
from asynccode.scope import Scope

S = TypeVar("S", bound=Scope)


@define(eq=False)
class Closing(Guarded[S]):
    """Keeps what closing raises, to be told when the results are."""

    what: str = field(kw_only=True)
    trouble: str | None = None
    """What closing raised, in a sentence."""

    async def __aenter__(self) -> S:
        try:
            return await super().__aenter__()
        except AsynccodeError:
            raise
        except Exception as error:
            raise InputError(f"The {self.what} could not be entered: {describe(error)}.") from error

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except Exception as trouble:  # noqa: BLE001 (what was done before it counts all the same)
            self.trouble = f"The {self.what} could not be closed: {describe(trouble)}."
            if error is not None:
                say(self.trouble)
