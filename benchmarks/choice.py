"""Which of some backends can be measured here."""

from __future__ import annotations

from asynccode import registry


async def available(names: str) -> tuple[list[str], dict[str, str | None]]:
    """Give those of some backends (with commas between) that work here; and why others do not."""
    found, missing = [], {}
    for name in names.split(","):
        health = await registry.backend_class(name).probe()
        if health.available:
            found.append(name)
        else:
            missing[name] = health.reason
    return found, missing
