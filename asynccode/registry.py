"""Names of backends, suites and policies, and where each one lives.

The core imports no backend and no task: it knows strings, and loads what they name when it
is asked for. Any `package.module:Name` is accepted where a name is.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from asynccode.databases import DatabaseBackend
from asynccode.errors import AsynccodeError, InputError, Unavailable
from asynccode.escapes import describe
from asynccode.interfaces import Backend, Policy, Suite, Technology

T = TypeVar("T")

BACKENDS: dict[str, str] = {
    "nsjail": "asynccode.backends.nsjail:NsjailBackend",
    "docker": "asynccode.backends.docker:DockerBackend",
    "podman": "asynccode.backends.podman:PodmanBackend",
    "local": "asynccode.backends.local:LocalBackend",
    "sqlite": "asynccode.backends.sqlite:SqliteBackend",
    "postgres": "asynccode.backends.postgres:PostgresBackend",
    "mysql": "asynccode.backends.mysql:MysqlBackend",
}
"""Backends by name; the first is the default."""

SUITES: dict[str, str] = {
    "bash": "asynccode.tasks.bash:load",
    "sql": "asynccode.tasks.sql.loader:load",
    "spider": "asynccode.tasks.sql.spider:load",
    "intercode/spider": "asynccode.tasks.sql.intercode:load",
    "intercode/wikisql": "asynccode.tasks.sql.intercode:load",
    "intercode/bird": "asynccode.tasks.sql.intercode:load",
    "ctf": "asynccode.tasks.ctf.suite:load",
    "python": "asynccode.tasks.python.suite:load",
    "intercode/mbpp": "asynccode.tasks.intercode.mbpp:load",
    "intercode/apps": "asynccode.tasks.intercode.apps:load",
    "intercode/ctf": "asynccode.tasks.intercode.ctf.loader:load",
    "intercode/": "asynccode.tasks.intercode.loader:load",
}
"""Loaders of suites by name; a name that ends in `/` stands for all names that begin so."""

DIALECTS: dict[str, str] = {"mysql": "asynccode.mysql.session:MySQLSession"}
"""SQL that is spoken on every engine, by name: wrappers of a `DatabaseSession`."""

DECLARED = "asynccode.backends.litedb.catalogue:declared"
"""Reads the tables of a `Database` as they were declared, whatever the engine makes of them."""

POLICIES: dict[str, str] = {
    "gold": "asynccode.policies:Gold",
    "noop": "asynccode.policies:Noop",
    "human": "asynccode.human:Human",
    "replay:": "asynccode.policies:Replay.load",
    "chat:": "asynccode.agents.chat:Chat.load",
}
"""Policies by name; a name that ends in `:` is called with what follows it."""

STRATEGIES: dict[str, str] = {
    "single-turn": "asynccode.agents.strategies.single_turn:SingleTurn",
    "try-again": "asynccode.agents.strategies.try_again:TryAgain",
    "react": "asynccode.agents.strategies.react:React",
    "plan-and-solve": "asynccode.agents.strategies.plan_and_solve:PlanAndSolve",
    "tools": "asynccode.agents.strategies.tools:Tools",
}
"""What chat policies say and how they read replies, by name."""

RECORDINGS = "asynccode.tasks.intercode.recordings:recorded_actions"
"""Reads the actions of a recorded InterCode result file."""

REPLAYS = {
    "read": "asynccode.tasks.intercode.recordings:read_recording",
    "reference": "asynccode.tasks.intercode.recordings:read_reference",
    "replay": "asynccode.tasks.intercode.replay:replay",
}
"""Plays a recorded InterCode result file again."""

RESULTS = {
    "foreign": "asynccode.tasks.intercode.attempts:read",
    "episodes": "asynccode.tasks.intercode.attempts:episodes",
    "published": "asynccode.tasks.intercode.paper:published",
}
"""Reads result files that others made, and gives what their authors printed of them."""

EXPORTS = {
    "intercode": "asynccode.tasks.intercode.export:write",
    "messages": "asynccode.results.messages:write",
    "parquet": "asynccode.results.parquet:write",
}
"""Writes episodes in formats that others read."""


EXTRAS = {
    "aiodocker": "docker",
    "aiomysql": "mysql",
    "asyncpg": "postgres",
    "openai": "chat",
    "podman": "podman",
    "pyarrow": "parquet",
    "sqlglot": "sql",
    "yaml": "languages",
}
"""Which extra brings a package that only some need."""


def resolve(path: str, what: str = "name") -> Any:
    """Import `package.module:Name` (or `:Name.attribute`) and give the object.

    Raises `InputError` if the module or the name is not there or cannot be imported,
    `Unavailable` if it is one of ours and needs a package that is not installed.
    """
    module_name, _, name = path.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise InputError(f"The {what} {path!r}: there is no module {missing!r}.") from error
        if missing and (extra := EXTRAS.get(missing.partition(".")[0])):
            reason = f"It needs the package {missing!r}, which is not installed"
            raise Unavailable(reason, f"pip install 'asynccode[{extra}]'") from error
        why = describe(error)
        if not isinstance(error, SyntaxError):  # which says where it is
            last = traceback.extract_tb(error.__traceback__)[-1]
            why += f" ({last.filename}, line {last.lineno})"
        raise InputError(f"The {what} {path!r} cannot be imported: {why}.") from error
    for part in name.split("."):
        if not hasattr(value, part):
            raise InputError(f"The {what} {path!r}: {module_name} has no {part!r}.")
        value = getattr(value, part)
    return value


def _is_dotted(name: str) -> bool:
    module_name, colon, attribute = name.partition(":")
    return bool(colon) and all(
        part.isidentifier() for part in [*module_name.split("."), *attribute.split(".")]
    )


def _find(name: str, table: Mapping[str, str], what: str) -> tuple[str, str]:
    """Give the dotted path for a name, and the rest of the name after a prefix."""
    if name in table and name[-1] not in "/:":
        return table[name], ""
    for prefix, path in table.items():
        if prefix[-1] in "/:" and name.startswith(prefix) and name != prefix:
            return path, name[len(prefix) :]
    if _is_dotted(name):
        return name, ""
    import difflib  # only for those who mistyped

    known = [f"{key}..." if key[-1] in "/:" else key for key in table]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(
        f"There is no {what} {name!r}: {hint}there are {', '.join(known)},"
        " and any package.module:Name."
    )


def backend_class(name: str) -> type[Technology]:
    """Give the class of a backend. Raises `InputError` if there is none of that name."""
    path, _ = _find(name, BACKENDS, "backend")
    found = resolve(path, "backend")
    if not (isinstance(found, type) and issubclass(found, Technology)):
        raise InputError(
            f"The backend {name!r} is not a subclass of asynccode.Backend"
            " or asynccode.DatabaseBackend."
        )
    return found


def load_technology(name: str) -> Technology:
    """Make a backend of either kind; the caller enters and closes it. Raises `InputError`."""
    return _made(f"backend {name!r}", backend_class(name))


def load_backend(name: str) -> Backend:
    """Make a backend of sandboxes; the caller enters and closes it. Raises `InputError`."""
    found = load_technology(name)
    if not isinstance(found, Backend):
        raise InputError(f"{name!r} holds databases, not sandboxes: use load_databases.")
    return found


def load_databases(name: str = "sqlite") -> DatabaseBackend:
    """Make a backend of databases; the caller enters and closes it. Raises `InputError`."""
    found = load_technology(name)
    if not isinstance(found, DatabaseBackend):
        raise InputError(f"{name!r} holds sandboxes, not databases: use load_backend.")
    return found


def load_suite(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    dialect: str | None = None,
    guesses: int | None = None,
    seed: int = 0,
) -> Suite:
    """Load a suite by name, or from a loader, a class or an object at a dotted path.

    A loader that takes a `seed` gets it; those of SQL suites take a `dialect` (see `DIALECTS`),
    those of suites that limit wrong answers `guesses`. Raises `InputError` if there is no such
    suite or it does not take what was asked for, and what its loader raises (`TaskDataError`).
    """
    path, _ = _find(name, SUITES, "suite")
    found = resolve(path, "suite")
    if isinstance(found, type):
        found = _made(f"suite {name!r}", found)
    elif not isinstance(found, Suite) and callable(found):
        more: dict[str, Any] = {"seed": seed} if _takes(found, "seed") else {}
        for option, value in (("dialect", dialect), ("guesses", guesses)):
            if value is not None:
                if not _takes(found, option):
                    why = {"dialect": "is not in SQL", "guesses": "limits no guesses"}[option]
                    raise InputError(f"The suite {name!r} {why}: leave out --{option}.")
                more[option] = value
        more.update(data=data, compat=compat, base=base)
        found = _made(f"suite {name!r}", found, name, **more)
    if not isinstance(found, Suite):
        raise InputError(f"The suite {name!r} gives no asynccode.Suite.")
    return found


def load_policy(name: str, *, seed: int = 0, options: Mapping[str, Any] | None = None) -> Policy:
    """Make a policy; the caller closes it. One that takes a `seed` gets it.

    Raises `InputError` if there is none of that name, or it does not take an option.
    """
    path, rest = _find(name, POLICIES, "policy")
    found = resolve(path, "policy")
    options = dict(options or {})
    if callable(found):
        if options and not _takes(found, *options):
            raise InputError(f"The policy {name!r} takes no {_flags(options)}: leave that out.")
        if _takes(found, "seed"):
            options["seed"] = seed
        found = _made(f"policy {name!r}", found, *filter(None, [rest]), **options)
    if not isinstance(found, Policy):
        raise InputError(f"The policy {name!r} gives no asynccode.Policy.")
    return found


def load_strategy(name: str, options: Mapping[str, Any]) -> Any:
    """Make a strategy of chat policies. Raises `InputError`, also for options it does not take."""
    path, _ = _find(name, STRATEGIES, "strategy")
    found = resolve(path, "strategy")
    if not isinstance(found, type) or not hasattr(found, "next"):
        raise InputError(f"The strategy {name!r} is not a class with a method `next`.")
    for option in options:
        if not _takes(found, option):
            raise InputError(f"The strategy {name!r} takes no {_flags([option])}: leave that out.")
    return _made(f"strategy {name!r}", found, **options)


def _made(what: str, maker: Callable[..., T], *words: str, **options: Any) -> T:
    """Call what a name stands for; what it raises of its own is one sentence too."""
    try:
        return maker(*words, **options)
    except AsynccodeError:
        raise
    except Exception as error:
        raise InputError(f"The {what} could not be made: {describe(error)}.") from error


def _flags(options: Iterable[str]) -> str:
    return ", ".join("--" + option.replace("_", "-") for option in options)


def _takes(function: Callable[..., Any], *names: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return True
    return set(names) <= {parameter.name for parameter in parameters}
