"""Reads MySQL's queries."""

from __future__ import annotations

from asynccode.mysql.errors import NO_ALIAS, MySQLError
from asynccode.mysql.expressions import Expressions
from asynccode.mysql.nodes import (
    Column,
    Derived,
    Item,
    Join,
    Node,
    Query,
    Select,
    SetOperation,
    Source,
    Star,
    Table,
)
from asynccode.mysql.words import words

_OPTIONS = words(
    "ALL DISTINCT DISTINCTROW HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT "
    "SQL_BUFFER_RESULT SQL_NO_CACHE SQL_CALC_FOUND_ROWS"
)


class Parser(Expressions):
    """The queries of a statement."""

    def query(self) -> Query:
        """Read a query with what belongs to it as a whole."""
        ctes = self._ctes() if self.accept("WITH") else []
        found = self._union()
        if self.now.upper in ("ORDER", "LIMIT") and (found.order or found.limit is not None):
            star = Item(expression=Star(), alias=None, label="*")
            found = Select(items=[star], source=Derived(query=found, alias="(result)"))
        if self.accept("ORDER"):
            self.expect("BY")
            found.order = self.separated(self.order_term)
        if self.accept("LIMIT"):
            self._limit(found)
        if self.accept("FOR"):
            self.expect("UPDATE", "SHARE")
        elif self.accept("LOCK"):
            for word in ("IN", "SHARE", "MODE"):
                self.expect(word)
        found.ctes = ctes + found.ctes
        return found

    def _ctes(self) -> list[tuple[str, list[str], Query]]:
        self.accept("RECURSIVE")

        def one() -> tuple[str, list[str], Query]:
            name = self.name()
            columns = self._column_list()
            self.expect("AS")
            self.expect("(")
            query = self.query()
            self.expect(")")
            return name, columns, query

        return self.separated(one)

    def _column_list(self) -> list[str]:
        if not self.accept("("):
            return []
        names = self.separated(self.name)
        self.expect(")")
        return names

    def _limit(self, query: Query) -> None:
        first = self._count()
        if self.accept(","):
            query.offset, query.limit = first, self._count()
        else:
            query.limit = first
            if self.accept("OFFSET"):
                query.offset = self._count()

    def _count(self) -> int:
        if self.is_name():
            raise MySQLError(f"Undeclared variable: {self.take().text}")
        if self.now.kind != "int":
            self.fail()
        return int(self.take().text)

    def _union(self) -> Query:
        found = self._intersect()
        while name := self.accept("UNION", "EXCEPT"):
            found = self._combined(name, found, self._intersect)
        return found

    def _intersect(self) -> Query:
        found = self._primary()
        while self.accept("INTERSECT"):
            found = self._combined("INTERSECT", found, self._primary)
        return found

    def _combined(self, name: str, left: Query, read: object) -> Query:
        every = self.accept("ALL", "DISTINCT") == "ALL"
        right: Query = read()  # type: ignore[operator]
        return SetOperation(left=left, right=right, name=name.lower(), all=every)

    def _primary(self) -> Query:
        if self.accept("("):
            found = self.query()
            self.expect(")")
            return found
        return self.select()

    def select(self) -> Select:
        """Read one SELECT without ORDER BY and LIMIT."""
        self.expect("SELECT")
        distinct = False
        while word := self.accept(*_OPTIONS):
            distinct |= word in ("DISTINCT", "DISTINCTROW")
        items = [self._first_item()]
        while self.accept(","):
            items.append(self._item())
        found = Select(items=items, distinct=distinct)
        if self.accept("FROM"):
            if self.accept("DUAL"):
                found.source = None
            else:
                found.source = self._sources()
        if self.accept("WHERE"):
            found.where = self.expression()
        if self.accept("GROUP"):
            self.expect("BY")
            found.group = self.separated(self.expression)
            if self.now.upper == "WITH" and self.ahead().upper == "ROLLUP":
                self.at += 2
                found.rollup = True
        if self.accept("HAVING"):
            found.having = self.expression()
        return found

    def _first_item(self) -> Item:
        if self.now.upper == "*":
            token = self.take()
            star = Star(start=token.start, end=token.end)
            return Item(expression=star, alias=None, label="*")
        return self._item()

    def _item(self) -> Item:
        start = self.now.start
        wild = self._wild()
        if wild is not None:
            star = Star(parts=wild, start=start, end=self.last_end)
            return Item(expression=star, alias=None, label="*")
        expression = self.expression()
        text = self.text[start : self.last_end]
        alias = self._item_alias()
        label = alias if alias is not None else self._label(expression, text)
        return Item(expression=expression, alias=alias, label=label)

    def _item_alias(self) -> str | None:
        if self.accept("AS"):
            if self.is_name() or self.now.kind == "string":
                return self.take().text
            self.fail()
        if self.is_name() or self.now.kind == "string":
            return self.take().text
        return None

    @staticmethod
    def _label(expression: Node, text: str) -> str:
        return expression.name if isinstance(expression, Column) else text

    def _wild(self) -> tuple[str, ...] | None:
        """Read `table.*` if that comes next."""
        for count in (1, 2):
            dots = [self.ahead(2 * number + 1).upper for number in range(count)]
            if not self.is_name() or dots != ["."] * count:
                return None
            if self.ahead(2 * count).upper == "*":
                parts = tuple(self.ahead(2 * number).text for number in range(count))
                self.at += 2 * count + 1
                return parts
        return None

    def _sources(self) -> Source:
        found = self._joined()
        while self.accept(","):
            found = Join(left=found, right=self._joined(), kind="comma")
        return found

    def _joined(self) -> Source:
        return self._joins(self._factor())

    def _joins(self, found: Source) -> Source:
        while True:
            if self.accept("NATURAL"):
                side = self.accept("LEFT", "RIGHT", "INNER")
                if side in ("LEFT", "RIGHT"):
                    self.accept("OUTER")
                self.expect("JOIN")
                kind = (side or "INNER").lower()
                found = Join(left=found, right=self._factor(), kind=kind, natural=True)
            elif side := self.accept("LEFT", "RIGHT"):
                self.accept("OUTER")
                self.expect("JOIN")
                right = self._inner_operand()
                found = Join(left=found, right=right, kind=side.lower())
                if self.now.upper not in ("ON", "USING"):
                    self.fail()
                self._condition(found)
            elif word := self.accept("INNER", "CROSS", "JOIN", "STRAIGHT_JOIN"):
                if word in ("INNER", "CROSS"):
                    self.expect("JOIN")
                found = Join(left=found, right=self._inner_operand(), kind="inner")
                self._condition(found)
            else:
                return found

    def _inner_operand(self) -> Source:
        """Read the right side of a join: `a JOIN b JOIN c ON .. ON ..` nests to the right."""
        found = self._factor()
        at = self.at
        if self.now.upper in ("JOIN", "INNER", "LEFT", "RIGHT", "CROSS"):
            nested = self._joins(found)
            if self.now.upper in ("ON", "USING"):
                return nested
            self.at = at
        return found

    def _condition(self, join: Join) -> None:
        if self.accept("ON"):
            join.on = self.expression()
        elif self.accept("USING"):
            self.expect("(")
            join.using = self.separated(self.name)
            self.expect(")")

    def _factor(self) -> Source:
        start = self.now.start
        self.accept("LATERAL")
        if self.now.upper == "(":
            if self._opens_query():
                return self._derived(start)
            self.expect("(")
            found = self._sources()
            self.expect(")")
            return found
        parts = [self.name()]
        if self.accept("."):
            parts.append(self.name())
        alias = self._alias()
        schema = parts[0] if len(parts) == 2 else None
        if self.accept("USE", "IGNORE", "FORCE"):
            self.expect("INDEX", "KEY")
            self.expect("(")
            self.separated(self.name)
            self.expect(")")
        return Table(name=parts[-1], schema=schema, alias=alias, start=start)

    def _derived(self, start: int) -> Derived:
        self.expect("(")
        query = self.query()
        self.expect(")")
        alias = self._alias()
        if alias is None:
            raise MySQLError(NO_ALIAS)
        return Derived(query=query, alias=alias, columns=self._column_list(), start=start)

    def _alias(self) -> str | None:
        if self.accept("AS"):
            return self.name()
        return self.take().text if self.is_name() else None
