"""What came of running a piece of code: results, limits and state changes."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen, validators

MiB = 1024 * 1024


class Outcome(StrEnum):
    """How a step ended. Everything but a broken harness is one of these."""

    OK = "ok"
    NONZERO = "nonzero"
    TIMEOUT = "timeout"
    OUTPUT_LIMIT = "output_limit"
    MEMORY_LIMIT = "memory_limit"
    PROCESS_LIMIT = "process_limit"
    DISK_LIMIT = "disk_limit"
    KILLED = "killed"
    REFUSED = "refused"
    INVALID = "invalid"
    """What was said could not be read as an action; nothing ran."""


@frozen(kw_only=True)
class Limits:
    """What a sandbox, and each step in it, may use."""

    step_seconds: float = field(default=30.0, validator=validators.gt(0))
    """Wall time of one step, in seconds."""
    episode_seconds: float = field(default=600.0, validator=validators.gt(0))
    """Wall time of a whole episode, in seconds, the policy's own time included."""
    memory_bytes: int = field(default=512 * MiB, validator=validators.ge(8 * MiB))
    """Memory of all processes of the sandbox together, files in it included, in bytes."""
    processes: int = field(default=128, validator=validators.ge(8))
    """Processes and threads alive at once in the sandbox."""
    disk_bytes: int = field(default=256 * MiB, validator=validators.ge(MiB))
    """What the sandbox may write on top of its image, in bytes."""
    output_bytes: int = field(default=MiB, validator=validators.ge(1))
    """Output kept of one step, in bytes; a step that writes more is stopped."""


@frozen(kw_only=True)
class Window:
    """The size of a terminal, in characters."""

    rows: int = field(default=24, validator=(validators.ge(1), validators.lt(1 << 16)))
    columns: int = field(default=80, validator=(validators.ge(1), validators.lt(1 << 16)))


@frozen(kw_only=True)
class ExecResult:
    """What running one piece of code gave."""

    outcome: Outcome
    exit_code: int | None
    """Exit status as the shell gives it (128 + signal for a killed process); None if unknown."""
    output: bytes
    """Standard output and standard error in the order in which they were written."""
    stdout: bytes | None = None
    """Standard output alone; None unless the streams were asked for separately."""
    stderr: bytes | None = None
    """Standard error alone; None unless the streams were asked for separately."""
    seconds: float = 0.0
    """Wall time from sending the code to its end, in seconds."""
    truncated: bool = False
    """Whether output beyond the limit was dropped."""
    restarted: bool = False
    """Whether the session had to be started anew: its variables and directory are lost."""

    @property
    def text(self) -> str:
        """`output` as text; bytes that are not UTF-8 become U+FFFD."""
        return self.output.decode("utf-8", "replace")


class ChangeKind(StrEnum):
    """How a path differs from the image."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    TYPE_CHANGED = "type_changed"


@frozen(kw_only=True, order=True)
class Change:
    """One path of a sandbox that differs from its image."""

    path: bytes
    """Absolute path in the sandbox, exactly as the bytes the file system holds."""
    kind: ChangeKind
    type: str | None
    """`file`, `directory`, `symlink`, `fifo`, `socket`, `device`; None if deleted."""
    mode: int | None
    """Permission bits; None if deleted."""
    size: int | None
    """Bytes of a file or of a link's target; None otherwise."""
    sha256: str | None = None
    """Hash of a file's content or of a link's target, if hashes were asked for. None for hollow
    files, once 256 MiB of holes have been hashed: to make them is free, to hash them takes long."""


@frozen(kw_only=True)
class Health:
    """What `doctor` says of one backend."""

    available: bool
    version: str | None = None
    reason: str | None = None
    """Why it is not available, or what is weaker than it could be."""
    remedy: str | None = None
