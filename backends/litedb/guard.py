"""What a statement may do, decided by SQLite while it compiles it (`sqlite3_set_authorizer`).

There are two rules. A connection that all episodes share may only be read: whatever else a
statement wants is denied and remembered, so that it can run in a private copy instead. In a
private copy all may be done but what reaches beyond it, or beyond its limits.
"""

from __future__ import annotations

import sqlite3

READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
OUTSIDE = {
    sqlite3.SQLITE_ATTACH: "ATTACH (and VACUUM, which needs it)",
    sqlite3.SQLITE_DETACH: "DETACH",
    sqlite3.SQLITE_CREATE_VTABLE: "a virtual table",
    sqlite3.SQLITE_DROP_VTABLE: "a virtual table",
}
TEMPORARY = frozenset(
    {
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
    }
)
FUNCTIONS = frozenset(
    {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "fsdir", "lsmode"}
)
"""Functions that reach beyond the database, where a build of SQLite has them."""
LOOKS = frozenset(
    {
        "collation_list",
        "compile_options",
        "foreign_key_check",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
"""Pragmas that only look, with an argument or without."""
SETTINGS = frozenset(
    {
        "application_id",
        "automatic_index",
        "case_sensitive_like",
        "defer_foreign_keys",
        "encoding",
        "foreign_keys",
        "ignore_check_constraints",
        "page_count",
        "recursive_triggers",
        "reverse_unordered_selects",
        "schema_version",
        "user_version",
    }
)
"""Pragmas that only look without an argument, and with one set what is the database's own."""


class Guard:
    """The authorizer of one connection; `begin` before each statement, then look at it."""

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        self.trusted = False
        """Whether the statement is ours and may do anything."""
        self.wrote = False
        """Whether the statement wants more than to read."""
        self.temporary = False
        """Whether any statement so far has made something temporary."""
        self.refused: str | None = None
        """What the statement wanted that nobody may do."""

    def begin(self, *, trusted: bool = False) -> None:
        """Forget the last statement."""
        self.trusted, self.wrote, self.refused = trusted, False, None

    def __call__(
        self, action: int, one: str | None, two: str | None, schema: str | None, by: str | None
    ) -> int:
        """Decide about one thing that a statement wants (SQLite's callback)."""
        if action in READING or self.trusted:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return self._refuse(two) if (two or "").lower() in FUNCTIONS else sqlite3.SQLITE_OK
        if action in OUTSIDE:
            return self._refuse(OUTSIDE[action])
        if action == sqlite3.SQLITE_PRAGMA:
            name = (one or "").lower()
            if name in LOOKS or (name in SETTINGS and two is None):
                return sqlite3.SQLITE_OK
            if name not in SETTINGS or name in ("encoding", "schema_version", "page_count"):
                return self._refuse(f"PRAGMA {one}")
        self.wrote = True
        self.temporary = self.temporary or action in TEMPORARY
        return sqlite3.SQLITE_DENY if self.shared else sqlite3.SQLITE_OK

    def _refuse(self, what: str | None) -> int:
        self.refused = what
        return sqlite3.SQLITE_DENY
