"""Spider's own release, from a folder that the user has unpacked.

dev.json                       tasks: `db_id`, `question`, `query`
database/NAME/NAME.sqlite      the databases
"""

from __future__ import annotations

import json
from pathlib import Path

from asynccode.databases import Database
from asynccode.errors import InputError, TaskDataError
from asynccode.records import Task
from asynccode.tasks.sql.loader import no_base
from asynccode.tasks.sql.suite import SqlSuite


def load(
    name: str,
    *,
    data: Path | None = None,
    compat: str | None = None,
    base: str | None = None,
    dialect: str = "native",
) -> SqlSuite:
    """Load the suite `spider`; `data` is the folder of the release.

    Raises `InputError` if `data` is not named, or `compat` is; `TaskDataError` if the folder
    is not laid out as above.
    """
    no_base(name, base)
    if compat is not None or data is None:
        raise InputError(
            "The suite spider is Spider's own release: name its folder with --data, without "
            "--compat; InterCode's cut of it is intercode/spider."
        )
    path = data / "dev.json"
    images: dict[str, Database] = {}
    tasks = []
    try:
        for number, record in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            database = str(record["db_id"])
            if database not in images:
                file = data / "database" / database / f"{database}.sqlite"
                if not file.is_file():
                    raise TaskDataError(f"{path} asks for the database {file}, which is not there.")
                images[database] = Database(name=database, content=file, dialect=dialect)
            tasks.append(
                Task(
                    id=str(number),
                    query=str(record["question"]),
                    gold=(str(record["query"]),),
                    image=images[database],
                    compare="rows",
                    metadata={"database": database, "provenance": f"Spider dev.json #{number}"},
                )
            )
    except OSError as error:
        raise TaskDataError(
            f"There is no Spider release in {data}: cannot read {path} ({error.strerror})."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TaskDataError(f"{path} is not Spider's list of tasks: {error!r}.") from error
    return SqlSuite(tasks, name=name, dialect=dialect)
