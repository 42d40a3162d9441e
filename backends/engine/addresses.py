"""Addresses of engines: what is wrong with one, and the certificates that are for it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from aiodocker.exceptions import DockerContextError
from yarl import URL

from asynccode.errors import Unavailable


def check(address: str, remedy: str) -> None:
    """Raise `Unavailable` for an address that is none."""
    try:
        url = URL(address)
        if url.scheme in ("tcp", "http", "https") and not url.host:
            raise ValueError("it names no host")
    except ValueError as error:
        raise Unavailable(f"{address} is no address of an engine: {error}", remedy) from error


def why_none(url: str | None, error: Exception) -> str:
    """Say why no client could be made, and of what."""
    named = url or os.environ.get("DOCKER_HOST")
    if not named or isinstance(error, DockerContextError):
        return f": {error}" if str(error) else ""
    if isinstance(error, AttributeError):  # of asyncio, which has no such pipes here
        return f" at {named}: it is no socket and no TCP address"
    return f" at {named}: {error}"


def tls() -> ssl.SSLContext | None:
    """Give what DOCKER_TLS_VERIFY and DOCKER_CERT_PATH ask for, as docker's own client does."""
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return None
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    try:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    except OSError as error:
        raise Unavailable(
            f"the certificates in {folder} cannot be used: {error}",
            "set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem",
        ) from error
    return context
