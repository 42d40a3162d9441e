"""One pool of connections that costs the same whether ten or a thousand of them are busy.

The client's own pool looks at every connection for each request, which takes most of the
event loop's time from a few hundred conversations on (measured: `asynccode bench chat`).
Here each connection is a transport of its own, and the free ones are a stack.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx2

KEEPALIVE_SECONDS = 60.0
"""How long a free connection is used again."""
CLOSE_SECONDS = 10.0


class Connections(httpx2.AsyncBaseTransport):
    """At most `most` connections; requests beyond that wait for a free one."""

    def __init__(self, most: int) -> None:
        self._room = anyio.CapacityLimiter(most)
        self._free: dict[str, list[httpx2.AsyncHTTPTransport]] = {"http": [], "https": []}
        self._all: list[httpx2.AsyncHTTPTransport] = []
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send on a free connection; it is free again when the response is closed."""
        borrower = object()
        await self._room.acquire_on_behalf_of(borrower)
        free = self._free[request.url.scheme]
        connection = free.pop() if free else self._new(request.url)

        def give_back() -> None:
            free.append(connection)
            self._room.release_on_behalf_of(borrower)

        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            give_back()
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Body(response.stream, give_back),
            extensions=response.extensions,
        )

    def _new(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        if url.scheme == "https" and self._tls is None:
            self._tls = httpx2.create_ssl_context()  # slow: once for all
        connection = httpx2.AsyncHTTPTransport(
            verify=self._tls if self._tls is not None and url.scheme == "https" else False,
            limits=httpx2.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_SECONDS
            ),
            proxy=None if proxy_bypass(url.host) else getproxies().get(url.scheme),
        )
        self._all.append(connection)
        return connection

    def statistics(self) -> dict[str, int]:
        """Count connections made room for, and requests under way or waiting."""
        room = self._room.statistics()
        return {
            "connections": len(self._all),
            "busy": room.borrowed_tokens,
            "waiting": room.tasks_waiting,
        }

    async def aclose(self) -> None:
        """Close all connections, in bounded time."""
        connections, self._all, self._free = self._all, [], {"http": [], "https": []}
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            for connection in connections:
                await connection.aclose()


class _Body(httpx2.AsyncByteStream):
    """A response's body that gives its connection back once."""

    def __init__(self, stream: httpx2.AsyncByteStream, give_back: Callable[[], None]) -> None:
        self._stream = stream
        self._give_back: Callable[[], None] | None = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        give_back, self._give_back = self._give_back, None
        try:
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._stream.aclose()
        finally:
            if give_back is not None:
                give_back()
