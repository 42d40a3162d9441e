"""A place in a statement's tokens."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NoReturn, TypeVar

from asynccode.mysql.errors import MySQLError, syntax
from asynccode.mysql.lexer import Token, tokens

T = TypeVar("T")


class Cursor:
    """Reads tokens one by one; what cannot be read is an error at just that token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0

    @property
    def now(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.at]

    def ahead(self, count: int = 1) -> Token:
        """Give a later token."""
        return self.tokens[min(self.at + count, len(self.tokens) - 1)]

    @property
    def last_end(self) -> int:
        """Where the token that was read last ends."""
        return self.tokens[self.at - 1].end if self.at else 0

    def fail(self) -> NoReturn:
        """Raise the syntax error of the token that is read next."""
        raise syntax(self.text, self.now.start)

    def take(self) -> Token:
        """Read a token, whatever it is."""
        token = self.tokens[self.at]
        if token.kind in ("end", "bad"):
            self.fail()
        self.at += 1
        return token

    def accept(self, *words: str) -> str | None:
        """Read one of these words or signs if it comes next, and give it."""
        upper = self.tokens[self.at].upper
        if upper in words and upper:
            self.at += 1
            return upper
        return None

    def expect(self, *words: str) -> str:
        """Read one of these words or signs."""
        return self.accept(*words) or self.fail()

    def is_name(self, token: Token | None = None) -> bool:
        """Whether a token can be a name."""
        return (token or self.now).kind in ("word", "quoted")

    def name(self) -> str:
        """Read a name."""
        if not self.is_name():
            self.fail()
        return self.take().text

    def names(self) -> list[str]:
        """Read names with points between them, three at most."""
        parts = [self.name()]
        while len(parts) < 3 and self.accept("."):
            parts.append(self.name())
        return parts

    def separated(self, read: Callable[[], T]) -> list[T]:
        """Read one or more things with commas between them."""
        found = [read()]
        while self.accept(","):
            found.append(read())
        return found


def first_word(text: str) -> str:
    """Give a statement's first word or sign in capitals; empty if it has none."""
    try:
        return Cursor(text).now.upper
    except MySQLError:
        return ""


def unqualified(text: str, schema: str, tables: Container[str]) -> str:
    """Leave a database's name out where it stands before the name of one of its tables."""
    if schema.lower() not in text.lower():
        return text
    kept, done = "", 0
    try:
        found = Cursor(text).tokens
    except MySQLError:
        return text
    for first, point, table in zip(found, found[1:], found[2:], strict=False):
        if (
            first.text.lower() == schema.lower()
            and point.text == "."
            and table.text.lower() in tables
        ):
            kept, done = kept + text[done : first.start], table.start
    return kept + text[done:]
