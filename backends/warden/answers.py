"""What goes over the warden's socket: a length, and that many bytes of JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from asynccode.backends.warden.looking import TooLongError

LENGTH = struct.Struct("!I")
Do = Callable[[], dict[str, Any] | None]
"""Does what was asked for; gives the answer, None if it comes later."""


def packed(message: dict[str, Any]) -> bytes:
    """Give a message as it is sent."""
    body = json.dumps(message).encode()
    return LENGTH.pack(len(body)) + body


def is_whole(data: bytes | bytearray) -> bool:
    """Whether that is a packed message, and all of it."""
    return len(data) >= LENGTH.size and len(data) == LENGTH.size + LENGTH.unpack_from(data)[0]


def attempt(do: Do) -> dict[str, Any] | None:
    """Call `do`. An `OSError` is an answer; a bug must be one too. Raises `TooLongError`."""
    try:
        return do()
    except TooLongError:
        raise
    except OSError as error:
        return {"errno": error.errno, "error": str(error)}
    except Exception as error:  # noqa: BLE001 - one jail's trouble must not end all others
        return {"errno": None, "error": f"{type(error).__name__}: {error}"}
