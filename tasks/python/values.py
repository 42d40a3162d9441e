"""Values that come from untrusted code, read as plain data and compared here.

The other end is inside/show.py. Whatever it says is only ever read: lists, dictionaries,
numbers and text of exactly Python's own types, or `Other`, which equals nothing. So an object
with an `__eq__` of its own equals nothing either.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import Any

from attrs import frozen


@frozen(eq=False)
class Other:
    """A value that cannot be told as data."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


@frozen
class Named:
    """A value of a type of the standard library, told by its `repr`."""

    name: str
    text: str

    def __repr__(self) -> str:
        return self.text


_READ: dict[str, Callable[[Any], Any]] = {
    "int": lambda raw: int(raw, 16),
    "float": float.fromhex,
    "complex": lambda raw: complex(*map(float.fromhex, raw)),
    "bytes": bytes.fromhex,
    "list": lambda raw: [_read(item) for item in raw],
    "tuple": lambda raw: tuple(_read(item) for item in raw),
    "set": lambda raw: {_read(item) for item in raw},
    "dict": lambda raw: {_read(key): _read(value) for key, value in raw},
    "range": lambda raw: range(*(int(number, 16) for number in raw)),
    "array": lambda raw: Named("array", repr((raw[0], [_read(item) for item in raw[1]]))),
    "other": lambda raw: Other(str(raw)),
}


def read(text: str) -> Any:
    """Read a value from its words; `Other` for what are none."""
    try:
        return _read(json.loads(text))
    except (AttributeError, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return Other("unreadable")


def _read(raw: Any) -> Any:
    if raw is None or isinstance(raw, (bool, str)):
        return raw
    ((kind, rest),) = raw.items()
    reader = _READ.get(kind)
    return Named(kind, str(rest)) if reader is None else reader(rest)


def literal(source: str) -> Any:
    """Give the value of a literal; raises `ValueError` if it is none."""
    try:
        return ast.literal_eval(source)
    except (TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"{source!r} is no literal.") from error


def equal(came: Any, expected: Any) -> bool:
    """Whether two values are equal, as `==` says of plain data."""
    try:
        return bool(came == expected)
    except (RecursionError, TypeError, ValueError):
        return False
