"""Every error asynccode raises, in one tree.

    AsynccodeError
    ├── InputError          what the caller asked for cannot be: says what, and the remedy
    │   ├── TaskDataError   a data set or a run folder is not what it should be
    │   └── ImageError      an image's description is wrong, or its set-up failed
    ├── BackendError        the machinery is broken: a harness error, never a reward
    │   ├── Unavailable     the backend cannot work on this machine (with the remedy)
    │   ├── SandboxLost     the sandbox went away under us
    │   └── ProtocolError   the session's other end said something it never says
    ├── PolicyError         whoever acts could not act
    │   └── ContextOverflow the conversation is too long for the model: ends the episode, scored
    └── Escaped             other people's code let out what ends tasks, unasked: its own failure

A command that fails, a time-out, a wrong answer are data (`Outcome`), not errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from asynccode.calls import Call


class AsynccodeError(Exception):
    """Base of all errors raised by asynccode."""


class InputError(AsynccodeError):
    """The caller's input cannot be used; the message is one sentence with the remedy."""


class TaskDataError(InputError):
    """Task data or a recorded run is missing, damaged or does not fit."""


class ImageError(InputError):
    """An image's description is wrong or a command of its set-up failed."""


class BackendError(AsynccodeError):
    """The isolation machinery failed; the episode is a harness error."""


class Unavailable(BackendError):
    """The backend cannot work on this machine."""

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason if remedy is None else f"{reason} ({remedy})")
        self.reason = reason
        self.remedy = remedy


class SandboxLost(BackendError):
    """The sandbox or its helper process is gone."""


class ProtocolError(BackendError):
    """A session's other end broke the protocol in a way that cannot be repaired."""


class PolicyError(AsynccodeError):
    """A policy could not produce an action."""

    def __init__(self, *args: object, calls: Sequence[Call] = ()) -> None:
        super().__init__(*args)
        self.calls = calls
        """Requests to a model that were answered before it failed."""


class ContextOverflow(PolicyError):
    """The conversation does not fit into the model's context any more."""


class Escaped(AsynccodeError):
    """Somebody else's code let something out that would have ended more than itself."""
