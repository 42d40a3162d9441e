"""MySQL's errors: which of several is reported, and with which text."""

from __future__ import annotations

import pytest

from asynccode.mysql.dialect import Dialect
from tests.mysql_world import catalogue

SYNTAX = (
    "You have an error in your SQL syntax; check the manual that corresponds to your MySQL "
    "server version for the right syntax to use near '{}' at line {}"
)
GROUPED = "this is incompatible with sql_mode=only_full_group_by"
DEPENDS = "which is not functionally dependent on columns in GROUP BY clause; " + GROUPED


def error(statement: str) -> str | None:
    return Dialect("sqlite", ["zoo", "farm"]).plan(statement, catalogue()).error


@pytest.mark.parametrize(
    ("statement", "near", "line"),
    [
        ("SELEC 1", "SELEC 1", 1),
        ("This is no SQL", "This is no SQL", 1),
        ("SELECT name FROM", "", 1),
        ("SELECT name\nFROM pets\nWHERE", "", 3),
        ("SELECT * FROM show", "show", 1),
        ("DESC show", "show", 1),
        ("SELECT name FROM pets This is prose", "is prose", 1),
        ("SELECT name FROM pets FULL OUTER JOIN owners ON 1", "OUTER JOIN owners ON 1", 1),
        ("SELECT a.name FROM pets a FULL JOIN owners ON 1", "FULL JOIN owners ON 1", 1),
        ("SELECT name, * FROM pets", "* FROM pets", 1),
        ("SELECT COUNT (*) FROM pets", "*) FROM pets", 1),
        ("SELECT MAX(id, owner) FROM pets", ", owner) FROM pets", 1),
        ("SELECT CAST(id AS INT) FROM pets", "INT) FROM pets", 1),
        ("SELECT id FROM pets GROUP BY id DESC", "DESC", 1),
        ("SELECT id FROM pets LIMIT 1.5", "1.5", 1),
        ("SELECT id FROM pets ORDER BY id NULLS LAST", "NULLS LAST", 1),
        ("SELECT id FROM pets WHERE name = 'x", "'x", 1),
        ("SHOW TABLES` and more", "` and more", 1),
        ("SELECT id FROM pets LEFT JOIN owners", "", 1),
        ("SELECT id FROM pets WHERE id NOT 3", "3", 1),
        ("SELECT rank FROM pets", "FROM pets", 1),
        ("SELECT " + "x" * 100 + " y z", "z", 1),
        ("SELECT 1 FROM pets WHERE id = = 1", "= 1", 1),
    ],
)
def test_a_syntax_error_shows_the_text_from_the_first_word_that_cannot_be_read(
    statement: str, near: str, line: int
) -> None:
    assert error(statement) == SYNTAX.format(near, line)


def test_a_syntax_error_shows_80_characters() -> None:
    assert error("!" + "x" * 200) == SYNTAX.format("!" + "x" * 79, 1)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT x FROM pets", "Unknown column 'x' in 'field list'"),
        ("SELECT P.x FROM pets P", "Unknown column 'P.x' in 'field list'"),
        ("SELECT pets.id FROM pets P", "Unknown column 'pets.id' in 'field list'"),
        ("SELECT id FROM pets WHERE x = 1", "Unknown column 'x' in 'where clause'"),
        ("SELECT 1 FROM pets p JOIN owners o ON p.x = 1", "Unknown column 'p.x' in 'on clause'"),
        ("SELECT id FROM pets GROUP BY x", "Unknown column 'x' in 'group statement'"),
        ("SELECT id FROM pets ORDER BY x", "Unknown column 'x' in 'order clause'"),
        ("SELECT id FROM pets ORDER BY 2", "Unknown column '2' in 'order clause'"),
        ("SELECT id FROM pets HAVING Age > 1", "Unknown column 'Age' in 'having clause'"),
        ("SELECT 1 FROM pets JOIN owners USING (x)", "Unknown column 'x' in 'from clause'"),
        ("SELECT id AS a FROM pets WHERE a = 1", "Unknown column 'a' in 'where clause'"),
        (
            "SELECT id FROM pets WHERE id IN (SELECT x FROM owners WHERE y = 1)",
            "Unknown column 'x' in 'field list'",
        ),
        ("SELECT * FROM dogs", "Table 'zoo.dogs' doesn't exist"),
        ("SELECT x FROM Dogs, cats", "Table 'zoo.dogs' doesn't exist"),
        ("DESCRIBE dogs", "Table 'zoo.dogs' doesn't exist"),
        ("SELECT * FROM other.pets", "Unknown database 'other'"),
        ("SELECT d.* FROM pets", "Unknown table 'd'"),
        ("SELECT name FROM pets, owners", "Column 'name' in field list is ambiguous"),
        (
            "SELECT 1 FROM pets, owners WHERE name = 'a'",
            "Column 'name' in where clause is ambiguous",
        ),
        ("SELECT 1 FROM pets, pets", "Not unique table/alias: 'pets'"),
        ("SELECT * FROM (SELECT 1)", "Every derived table must have its own alias"),
        ("SELECT * FROM (SELECT 1 a, 2 a) t", "Duplicate column name 'a'"),
        (
            "SELECT id FROM pets WHERE id IN (SELECT id FROM owners LIMIT 1)",
            "This version of MySQL doesn't yet support 'LIMIT & IN/ALL/ANY/SOME subquery'",
        ),
        ("SELECT id FROM pets WHERE COUNT(*) > 1", "Invalid use of group function"),
        ("SELECT MAX(COUNT(*)) FROM pets", "Invalid use of group function"),
        ("SELECT nothing(id) FROM pets", "FUNCTION zoo.nothing does not exist"),
        (
            "SELECT ROUND() FROM pets",
            "Incorrect parameter count in the call to native function 'ROUND'",
        ),
        (
            "SELECT id FROM pets WHERE id = (SELECT id, name FROM owners)",
            "Operand should contain 1 column(s)",
        ),
        (
            "SELECT id FROM pets UNION SELECT id, name FROM owners",
            "The used SELECT statements have a different number of columns",
        ),
        ("USE nowhere", "Unknown database 'nowhere'"),
        ("DROP TABLE dogs", "Unknown table 'zoo.dogs'"),
        ("", "Query was empty"),
    ],
)
def test_a_name_that_means_nothing_is_named_with_its_place(statement: str, message: str) -> None:
    assert error(statement) == message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "SELECT owner, name FROM pets GROUP BY owner",
            (
                "Expression #2 of SELECT list is not in GROUP BY clause and contains nonaggregated "
                f"column 'zoo.pets.name' {DEPENDS}"
            ),
        ),
        (
            "SELECT name, COUNT(*) FROM pets P",
            (
                "In aggregated query without GROUP BY, expression #1 of SELECT list contains "
                f"nonaggregated column 'zoo.P.name'; {GROUPED}"
            ),
        ),
        (
            "SELECT owner FROM pets GROUP BY owner ORDER BY name",
            (
                "Expression #1 of ORDER BY clause is not in GROUP BY clause and contains "
                f"nonaggregated column 'zoo.pets.name' {DEPENDS}"
            ),
        ),
        (
            "SELECT id FROM pets ORDER BY COUNT(*)",
            (
                "Expression #1 of ORDER BY contains aggregate function and applies to the "
                "result of a non-aggregated query"
            ),
        ),
        (
            "SELECT DISTINCT name FROM pets ORDER BY owner",
            (
                "Expression #1 of ORDER BY clause is not in SELECT list, references column "
                "'zoo.pets.owner' which is not in SELECT list; this is incompatible with DISTINCT"
            ),
        ),
        ("SELECT name FROM pets GROUP BY id", None),
        ("SELECT p.name FROM pets p GROUP BY p.id ORDER BY COUNT(*)", None),
        ("SELECT o.city FROM pets p JOIN owners o ON o.id = p.owner GROUP BY p.id", None),
        ("SELECT name, COUNT(*) FROM pets WHERE name = 'Rex'", None),
        ("SELECT UPPER(name) FROM pets GROUP BY UPPER(name)", None),
        ("SELECT owner + 1 FROM pets GROUP BY owner", None),
        ("SELECT ANY_VALUE(name) FROM pets GROUP BY owner", None),
    ],
)
def test_what_is_selected_depends_on_what_it_is_grouped_by(
    statement: str, message: str | None
) -> None:
    assert error(statement) == message


def test_a_statement_that_is_nested_too_deeply_is_refused() -> None:
    deep = "SELECT " + "(" * 20_000 + "1" + ")" * 20_000
    assert error(deep) == "Thread stack overrun: the statement is nested too deeply"


def test_of_two_mistakes_the_one_that_mysql_sees_first_is_reported() -> None:
    assert (
        error("SELECT x FROM pets WHERE y = 1 ORDER BY z") == "Unknown column 'x' in 'field list'"
    )
    assert error("SELECT x FROM dogs") == "Table 'zoo.dogs' doesn't exist"
    both = "SELECT 1 FROM pets p JOIN owners o ON p.x = 1 JOIN owners q ON p.y = 1"
    assert error(both) == "Unknown column 'p.y' in 'on clause'"
    assert error("SELECT 1 FROM pets p JOIN owners o ON p.x = 1 WHERE p.y = 1") == (
        "Unknown column 'p.y' in 'where clause'"
    )
