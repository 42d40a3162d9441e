"""The conformance checks, one file per side of a backend.

A check is an async function of a backend whose first docstring line is its name in words.
To add one, write it in the file it belongs to under the `checks` decorator
(`database_check` for those of databases).
"""

from asynccode.testing.checks import (
    database_limits,
    databases,
    files,
    isolation,
    lifetime,
    limits,
    looking,
    programs,
    python_ends,
    python_sessions,
    recycling,
    running,
    sessions,
    terminals,
)
from asynccode.testing.checks.base import CHECKS, DATABASE_CHECKS, Check

__all__ = [
    "CHECKS",
    "DATABASE_CHECKS",
    "Check",
    "database_limits",
    "databases",
    "files",
    "isolation",
    "lifetime",
    "limits",
    "looking",
    "programs",
    "python_ends",
    "python_sessions",
    "recycling",
    "running",
    "sessions",
    "terminals",
]
