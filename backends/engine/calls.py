"""Calls of Docker's API: how long an answer is waited for, and errors in our own words.

An engine may be busy, so limits are generous; one that takes a connection and never answers must
not hold anybody for ever. They are on silence: what waits for one of our own connections, or
goes on coming, is not late.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiodocker
import aiohttp
from yarl import URL

from asynccode.backends.engine.api import NotThereError
from asynccode.errors import BackendError

ANSWER_SECONDS = 10.0
"""How long an engine that we have not met is given to say that it is one."""
CONNECT_SECONDS = 30.0
ORDINARY_SECONDS = 300.0
"""How long an engine may be silent during a call; making a container may wait for many others."""
LASTING_SECONDS = 3600.0
"""How long during one that makes, imports or exports an image."""
ORDINARY = aiohttp.ClientTimeout(
    total=None, sock_connect=CONNECT_SECONDS, sock_read=ORDINARY_SECONDS
)
LASTING = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=LASTING_SECONDS)
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What drivers raise of an answer that is not what an engine answers."""
SAID = 100
"""How much is told of what could not be read."""
NOT_CONNECTED = 900
"""What aiodocker takes for a status when there is no answer."""


def late(seconds: float) -> BackendError:
    """Give the error of an engine that did not answer."""
    return BackendError(f"The engine did not answer within {seconds:g} s.")


def not_understood(error: BaseException) -> BackendError:
    """Give the error of whoever answered, but not as an engine does."""
    said = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return BackendError(
        "What answered is not understood and may be no engine"
        f" ({type(error).__name__}: {said[:SAID]})."
    )


@contextmanager
def translated(seconds: float = ORDINARY_SECONDS) -> Iterator[None]:
    """Raise what the engine or the connection to it says as our own errors.

    `seconds` is how long an answer is waited for inside.
    """
    try:
        yield
    except aiodocker.DockerError as error:
        if error.status == NOT_CONNECTED:
            why = str(error.message).partition(" [")[2].removesuffix("]") or error.message
            raise BackendError(f"The engine cannot be reached: {why}") from error
        kind = NotThereError if error.status == 404 else BackendError
        raise kind(str(error.message)) from error
    except aiohttp.ClientResponseError as error:
        raise not_understood(error) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise late(min(seconds, CONNECT_SECONDS)) from error
    except TimeoutError as error:
        raise late(seconds) from error
    except (aiohttp.ClientError, OSError) as error:
        raise BackendError(
            f"The engine cannot be reached: {error or type(error).__name__}"
        ) from error
    except NONSENSE as error:
        raise not_understood(error) from error


@asynccontextmanager
async def call(
    docker: aiodocker.Docker,
    method: str,
    path: str,
    timeout: aiohttp.ClientTimeout = ORDINARY,
    *,
    refuse: bool = True,
    **arguments: Any,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Make a call that aiodocker has no method for; errors while it is read are ours too.

    Without `refuse` an error of the engine is an answer.
    """
    url = URL(f"{docker.docker_host}/{docker.api_version}/{path}", encoded=True)
    with translated(timeout.sock_read or ORDINARY_SECONDS):
        async with docker.session.request(method, url, timeout=timeout, **arguments) as answer:
            if refuse and answer.status >= 400:  # reading to the end releases the connection
                said = await answer.text()
                message = json.loads(said).get("message", said) if said[:1] == "{" else said
                raise aiodocker.DockerError(answer.status, message or "no such thing")
            yield answer
