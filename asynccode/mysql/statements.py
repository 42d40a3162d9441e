"""Statements that are no query: settings, and what writes, which sqlglot translates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asynccode.errors import Unavailable
from asynccode.mysql import errors
from asynccode.mysql.catalogue import Catalogue
from asynccode.mysql.errors import MySQLError
from asynccode.mysql.parser import Parser
from asynccode.mysql.plan import Plan
from asynccode.mysql.precheck import nodes_of, precheck
from asynccode.mysql.resolve import Resolver
from asynccode.mysql.show import SYSTEM
from asynccode.mysql.words import words

if TYPE_CHECKING:
    from asynccode.mysql.dialect import Dialect

_WRITES = words("INSERT REPLACE UPDATE DELETE CREATE ALTER DROP TRUNCATE RENAME")
_TRANSACTIONS = {"BEGIN": "BEGIN", "START": "BEGIN", "COMMIT": "COMMIT", "ROLLBACK": "ROLLBACK"}
_KNOWN = words(
    """
    ANALYZE CALL CHANGE CHECK CHECKSUM DEALLOCATE DO EXECUTE FLUSH GRANT HANDLER HELP IMPORT
    INSTALL KILL LOAD LOCK OPTIMIZE PREPARE PURGE RELEASE REPAIR RESET RESTART REVOKE SAVEPOINT
    SHUTDOWN STOP TABLE UNINSTALL UNLOCK VALUES XA
    """
)
"""Words that begin a statement which is not translated."""
_MODE = re.compile(
    r"SET\s+(?:(?:SESSION|GLOBAL|LOCAL)\s+|@@(?:session\.|global\.)?)?"
    r"sql_mode\s*:?=\s*(.*?)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_TARGET = re.compile(
    r"\s*(?:INSERT\s+(?:IGNORE\s+)?INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?"
    r"|ALTER\s+TABLE|DROP\s+TABLE)\s+`?([\w$]+)`?(?:\.`?([\w$]+)`?)?",
    re.IGNORECASE,
)


def other(parser: Parser, catalogue: Catalogue, dialect: Dialect) -> Plan:
    """Say what is to be done for a statement that is no query. Raises `MySQLError`."""
    word = parser.now.upper
    if word == "USE":
        return _use(parser, catalogue, dialect)
    if word == "SET":
        return _set(parser)
    if word in _TRANSACTIONS:
        return Plan(sql=_TRANSACTIONS[word], writes=True)
    if word in _WRITES:
        return _write(parser, catalogue, dialect)
    if word in _KNOWN:
        raise errors.unsupported(word)
    return parser.fail()


def _use(parser: Parser, catalogue: Catalogue, dialect: Dialect) -> Plan:
    parser.take()
    name = parser.name().lower()
    parser.accept(";")
    if parser.now.kind != "end":
        parser.fail()
    if name not in {catalogue.schema.lower(), *dialect.schemas, *SYSTEM}:
        raise MySQLError(f"Unknown database '{name}'")
    return Plan(setting=("schema", name))


def _set(parser: Parser) -> Plan:
    found = _MODE.match(parser.text.strip())
    if found is not None:
        value = found[1].strip("'\"").lower()
        on = "only_full_group_by" in value and "replace(" not in value
        return Plan(setting=("full_group", "on" if on or value == "default" else ""))
    parser.take()
    if parser.now.kind == "end":
        parser.fail()
    return Plan(setting=("other", ""))


def _write(parser: Parser, catalogue: Catalogue, dialect: Dialect) -> Plan:
    text = parser.text
    target = _TARGET.match(text)
    if target is not None:
        schema, name = (target[1], target[2]) if target[2] else (catalogue.schema, target[1])
        exists = name.lower() in catalogue.relations and schema.lower() == catalogue.schema.lower()
        if not exists and not re.search(r"\bIF\s+EXISTS\b", text, re.IGNORECASE):
            if text.lstrip()[:4].upper() == "DROP":
                raise MySQLError(f"Unknown table '{schema}.{name.lower()}'")
            raise errors.unknown_table(schema, name.lower())
    _check_query(parser, catalogue)
    return Plan(sql=_transpiled(text, catalogue, dialect.engine), writes=True)


def _check_query(parser: Parser, catalogue: Catalogue) -> None:
    """Look for mistakes in the query of CREATE ... AS SELECT and INSERT ... SELECT."""
    begins = [
        place
        for place, token in enumerate(parser.tokens)
        if token.upper == "SELECT" and parser.tokens[place - 1].upper in ("AS", ")", "")
    ]
    if begins and parser.now.upper in ("CREATE", "INSERT", "REPLACE"):
        parser.at = begins[0]
        query = parser.query()
        precheck(list(nodes_of(query)), catalogue)
        Resolver(catalogue).query(query, None, {})


def _transpiled(text: str, catalogue: Catalogue, engine: str) -> str:
    try:
        import sqlglot  # heavy, and for few statements
        from sqlglot import exp
        from sqlglot.errors import SqlglotError
    except ImportError as error:
        raise Unavailable(
            "A statement of MySQL that writes is translated by sqlglot, which is not installed: "
            "pip install 'asynccode[sql]'."
        ) from error

    try:
        (tree,) = [found for found in sqlglot.parse(text, read="mysql") if found is not None]
    except SqlglotError as error:
        places = getattr(error, "errors", None) or [{}]
        line, column = places[0].get("line") or 1, places[0].get("col") or 1
        lines = text.split("\n")
        begin = sum(len(part) + 1 for part in lines[: line - 1]) + column
        shown = len(places[0].get("highlight") or "")
        raise errors.syntax(text, max(begin - shown, 0)) from error
    except ValueError as error:
        raise MySQLError("Commands out of sync; you can't run this command now") from error
    if isinstance(tree, exp.Command):
        raise errors.unsupported(tree.name)
    for table in tree.find_all(exp.Table):
        relation = catalogue.relations.get(table.name.lower())
        name = relation.name if relation is not None else table.name.lower()
        name = name.lower() if engine == "postgres" else name
        table.set("this", exp.to_identifier(name, quoted=True))
        table.set("db", None)
        if relation is not None:
            for column in [*tree.find_all(exp.Column)]:
                place = relation.index.get(column.name.lower())
                if place is not None:
                    spelling = relation.columns[place].name
                    spelling = spelling.lower() if engine == "postgres" else spelling
                    column.set("this", exp.to_identifier(spelling, quoted=True))
    found: str = tree.sql(dialect=engine)
    return found
