"""What a translated statement gives: MySQL's values, comparisons and order."""

from __future__ import annotations

import anyio
import pytest

from asynccode.databases import DatabaseBackend
from asynccode.registry import backend_class, load_databases
from tests.conftest import unavailable
from tests.mysql_world import shown, speaking

pytestmark = pytest.mark.anyio

VALUES = [
    ("SELECT COUNT(*), SUM(owner), AVG(owner) FROM pets", "[(4, Decimal('5'), Decimal('1.6667'))]"),
    ("SELECT weight FROM pets WHERE id < 3", "[(12.1,), (3.4,)]"),
    ("SELECT SUM(weight) FROM pets WHERE id < 3", "[(15.500000476837158,)]"),
    (
        "SELECT price, AVG(price), price * 2 FROM pets WHERE id = 1",
        "[(Decimal('9.99'), Decimal('9.990000'), Decimal('19.98'))]",
    ),
    (
        "SELECT born, seen FROM pets WHERE id = 1",
        "[(datetime.date(2019, 5, 1), datetime.datetime(2020, 1, 2, 10, 0))]",
    ),
    ("SELECT MIN(born), YEAR(MAX(born)) FROM pets", "[(datetime.date(2018, 12, 31), 2020)]"),
    ("SELECT 7 / 2, 7 DIV 2, 7 % 4, 1 / 0", "[(Decimal('3.5000'), 3, 3, None)]"),
    ("SELECT 1 = 1, 'a' < 'B', NULL IS NULL, NOT 1", "[(1, 1, 1, 0)]"),
    (
        "SELECT ROUND(2.5), ROUND(1.005, 2), ROUND(tail, 0) FROM pets WHERE id = 1",
        "[(Decimal('3'), Decimal('1.01'), 2.0)]",
    ),
    ("SELECT IF(owner IS NULL, 'none', owner) FROM pets", "[('none',), ('1',), ('2',), ('2',)]"),
    ("SELECT AVG(height) FROM pets", "[(17.65,)]"),
    ("SELECT name FROM pets WHERE height = 30.2", "[('Rex',)]"),
    ("SELECT CONCAT(name, '-', price) FROM pets WHERE id = 2", "[('ada-5.00',)]"),
    (
        "SELECT GROUP_CONCAT(name ORDER BY id DESC SEPARATOR '/') FROM pets WHERE id < 3",
        "[('ada/Rex',)]",
    ),
    (
        "SELECT DATE_FORMAT(seen, '%M %Y'), DATEDIFF(seen, born) FROM pets WHERE id = 1",
        "[('January 2020', 246)]",
    ),
    (
        "SELECT seen + INTERVAL 1 DAY FROM pets WHERE id = 1",
        "[(datetime.datetime(2020, 1, 3, 10, 0),)]",
    ),
    ("SELECT TIMESTAMPDIFF(MONTH, born, '2020-06-15') FROM pets WHERE id = 1", "[(13,)]"),
    (
        (
            "SELECT SUBSTRING_INDEX('a.b.c', '.', 2), SUBSTRING_INDEX('a.b.c', '.', -2), "
            "SUBSTRING_INDEX('a.b', '.', 5), DAYOFWEEK('2020-01-05'), DAYNAME(seen) FROM pets "
            "WHERE id = 1"
        ),
        "[('a.b', 'b.c', 'a.b', 1, 'Thursday')]",
    ),
    ("SELECT 3 > ALL (SELECT id FROM owners), 3 = ANY (SELECT id FROM owners)", "[(0, 1)]"),
    (
        (
            "SELECT COUNT(DISTINCT owner, name), STD(id), GROUP_CONCAT(DISTINCT owner "
            "ORDER BY owner) FROM pets "
            "WHERE id < 3"
        ),
        "[(2, 0.5, '1,2')]",
    ),
    ("SELECT AVG(seen) FROM pets WHERE id = 1", "[(Decimal('20200102100000.0000'),)]"),
    (
        (
            "SELECT LEFT(name, 2), SUBSTRING(name, 2), LENGTH(name), CHAR_LENGTH(name) FROM pets "
            "WHERE id = 3"
        ),
        "[('Zo', 'oé ', 5, 4)]",
    ),
]
COMPARISONS = [
    ("SELECT id FROM pets WHERE name = 'REX  '", "[(1,)]"),
    ("SELECT id FROM pets WHERE name = 'zoe'", "[(3,)]"),
    ("SELECT id FROM pets WHERE name LIKE '%O%'", "[(3,), (4,)]"),
    ("SELECT id FROM pets WHERE name IN ('zoe', 'ADA')", "[(2,), (3,)]"),
    ("SELECT id FROM pets WHERE code > 6", "[(1,), (2,)]"),
    ("SELECT id FROM pets WHERE code = 7", "[(1,)]"),
    ("SELECT id FROM pets WHERE owner = '2'", "[(1,), (3,)]"),
    ("SELECT id FROM pets WHERE seen = '2018-12-31'", "[(4,)]"),
    ("SELECT id FROM pets WHERE born >= '2019/5/1'", "[(1,), (2,)]"),
    ("SELECT COUNT(DISTINCT city) FROM owners", "[(2,)]"),
    (
        "SELECT id FROM owners WHERE id NOT IN (SELECT owner FROM pets WHERE owner IS NOT NULL)",
        "[(3,)]",
    ),
    ("SELECT name FROM pets ORDER BY name", "[('ada',), ('Bob',), ('Rex',), ('Zoé ',)]"),
    ("SELECT owner FROM pets ORDER BY owner", "[(None,), (1,), (2,), (2,)]"),
]
ORDER = [
    ("SELECT city, COUNT(*) FROM owners GROUP BY city", "[('Oslo', 2), ('Rome', 1)]"),
    ("SELECT owner FROM pets GROUP BY owner", "[(None,), (1,), (2,)]"),
    (
        "SELECT name, COUNT(DISTINCT id) FROM pets WHERE id < 3 GROUP BY name",
        "[('ada', 1), ('Rex', 1)]",
    ),
    ("SELECT name FROM pets WHERE id < 3 GROUP BY name", "[('Rex',), ('ada',)]"),
    (
        "SELECT DISTINCT born FROM pets WHERE id IN (4, 2)",
        "[(datetime.date(2020, 2, 29),), (datetime.date(2018, 12, 31),)]",
    ),
    (
        "SELECT name FROM owners UNION SELECT name FROM pets WHERE id = 1",
        "[('Ann',), ('Ben',), ('Cyd',), ('Rex',)]",
    ),
    ("SELECT city FROM owners UNION SELECT 'OSLO'", "[('Oslo',), ('Rome',)]"),
    ("SELECT id FROM owners INTERSECT SELECT owner FROM pets", "[(1,), (2,)]"),
    ("SELECT id FROM owners EXCEPT SELECT owner FROM pets", "[(3,)]"),
]
STATEMENTS = [
    ("SHOW TABLES", "[('owners',), ('pets',)]"),
    ("SHOW TABLES LIKE 'P%'", "[('pets',)]"),
    (
        "DESC owners",
        (
            "[('id', 'int', 'NO', 'PRI', None, ''), ('name', 'text', 'YES', '', None, ''), "
            "('city', 'text', 'YES', '', None, '')]"
        ),
    ),
    ("SHOW COLUMNS FROM pets LIKE 'owner'", "[('owner', 'int', 'YES', 'MUL', None, '')]"),
    ("DESCRIBE pets id", "[('id', 'int', 'NO', 'PRI', None, 'auto_increment')]"),
    (
        "SHOW DATABASES",
        (
            "[('farm',), ('information_schema',), ('mysql',), ('performance_schema',), "
            "('sys',), ('zoo',)]"
        ),
    ),
    ("USE zoo", "None"),
    (
        "SELECT name FROM pets WHERE id = (SELECT id FROM owners)",
        "Subquery returns more than 1 row",
    ),
    (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'zoo'",
        "[('owners',), ('pets',)]",
    ),
    (
        (
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.columns WHERE "
            "TABLE_NAME = 'owners' AND table_schema = DATABASE()"
        ),
        "[('id', 'int'), ('name', 'text'), ('city', 'text')]",
    ),
]


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, anyio_backend_name: str) -> DatabaseBackend:
    name = str(request.param)
    health = anyio.run(backend_class(name).probe)
    if not health.available:
        unavailable(name, health.reason or "it is not available")
    if name != "sqlite" and anyio_backend_name == "trio":
        pytest.skip("its driver speaks to asyncio alone")
    return load_databases(name)


@pytest.mark.parametrize(
    "cases", [VALUES, COMPARISONS, ORDER, STATEMENTS], ids=["values", "compare", "order", "show"]
)
async def test_a_statement_gives_what_mysql_gives(
    cases: list[tuple[str, str]], engine: DatabaseBackend
) -> None:
    async with speaking(engine) as session:
        found = [(statement, shown(await session.execute(statement))) for statement, _ in cases]
    assert found == cases


async def test_what_is_written_is_seen_by_the_statements_after_it(
    engine: DatabaseBackend,
) -> None:
    async with speaking(engine) as session:
        for statement in (
            "INSERT INTO owners VALUES (9, 'Ève', 'Pau ')",
            "UPDATE owners SET city = 'Bonn' WHERE name = 'ann'",
            "CREATE TABLE food (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(10))",
            "INSERT INTO food (what) VALUES ('hay')",
        ):
            assert shown(await session.execute(statement)) == "None"
        assert shown(await session.execute("SELECT city FROM owners WHERE name = 'eve'")) == (
            "[('Pau ',)]"
        )
        assert shown(await session.execute("SELECT id FROM owners WHERE city = 'bonn'")) == "[(1,)]"
        assert shown(await session.execute("SELECT * FROM food")) == "[(1, 'hay')]"
        assert "('food',)" in shown(await session.execute("SHOW TABLES"))


async def test_an_answer_is_kept_until_something_is_written(engine: DatabaseBackend) -> None:
    statement = "SELECT COUNT(*) FROM owners WHERE city = 'Rome'"
    async with speaking(engine) as session:
        first = await session.execute(statement)
        assert await session.execute(statement) is first
        assert (await session.execute("SELECT RAND()")) != (await session.execute("SELECT RAND()"))
        assert shown(await session.execute("UPDATE owners SET city = 'Rome'")) == "None"
        assert shown(await session.execute(statement)) == "[(3,)]"
        assert shown(await session.execute("SELECT city FROM owners WHERE id = 1")) == "[('Rome',)]"


async def test_the_mode_of_grouping_can_be_switched_off_for_the_session() -> None:
    statement = "SELECT owner, name FROM pets WHERE owner = 1 OR id = 2 GROUP BY owner"
    async with speaking() as session:
        assert "only_full_group_by" in shown(await session.execute(statement))
        assert shown(await session.execute("SET sql_mode = ''")) == "None"
        assert shown(await session.execute(statement)) == "[(1, 'ada')]"
