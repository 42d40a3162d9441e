"""The suite `intercode/apps`: programs to write, from data that the user has.

    data/python/apps/ic_apps.json   as the original's data/python/apps/transform.py makes it

The original pays nothing for any of them (python_env.py:87-89), so there is no mode of its own.
"""

from __future__ import annotations

from pathlib import Path

from asynccode.errors import InputError
from asynccode.interfaces import Suite
from asynccode.tasks.intercode.loader import find_data
from asynccode.tasks.python.apps import load_apps


def load(name: str, *, data: Path | None, compat: str | None, base: str | None) -> Suite:
    """Load `intercode/apps`. Raises `InputError` if `compat` is asked for, `TaskDataError`."""
    if compat is not None:
        raise InputError(
            f"The suite {name!r} has no mode {compat!r}: the original pays nothing for it; leave "
            "out --compat."
        )
    return load_apps(find_data(data) / "data/python/apps/ic_apps.json", name, base)
