"""Cuts a statement into MySQL's tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from asynccode.mysql.words import RESERVED

_TOKENS = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*|--(?=[\s\x00-\x1f]|$)[^\n]*|/\*(?![!+]).*?\*/)
  | (?P<versioned>/\*!\d*|\*/)
  | (?P<hex>0x[0-9a-fA-F]+(?![\w$])|[xX]'(?:[0-9a-fA-F]{2})*'|0b[01]+(?![\w$])|[bB]'[01]*')
  | (?P<float>(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+)
  | (?P<decimal>\d+\.\d*|\.\d+)
  | (?P<word>[\w$]*[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*)
  | (?P<int>\d+)
  | (?P<string>[nN]?'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<quoted>`(?:[^`]|``)+`)
  | (?P<variable>@@?(?:[\w$.]+|'[^']*'|`[^`]*`)?)
  | (?P<op><=>|->>|->|<<|>>|<=|>=|<>|!=|:=|\|\||&&|[-+*/%^&|~!=<>(),.;?:{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}
_ESCAPED = re.compile(r"\\(.)|''|\"\"", re.DOTALL)


class Token(NamedTuple):
    """One token."""

    kind: str
    """`word`, `reserved`, `quoted`, `string`, `int`, `decimal`, `float`, `hex`, `variable`,
    `op`, `end`, or `bad` for what is no token."""
    text: str
    """As it stands; a quoted name or a string without its quotes."""
    upper: str
    """A word in capitals, an operator; empty for a quoted name, a string or a number."""
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Cut `text`; the last token is of kind `end`, before it there may be one that is `bad`."""
    found: list[Token] = []
    position, size = 0, len(text)
    while position < size:
        match = _TOKENS.match(text, position)
        if match is None:
            found.append(Token("bad", text[position], "", position, size))
            break
        kind, start, position = str(match.lastgroup), position, match.end()
        if kind in ("space", "versioned"):
            continue
        raw = match[0]
        # After a point, a word is a name whatever it means elsewhere.
        dotted = bool(found) and found[-1].upper == "." and found[-1].end == start
        if dotted and kind in ("decimal", "float", "hex", "int") and raw[:1] != ".":
            kind = "word"
        if kind == "word":
            upper = raw.upper()
            if upper in RESERVED and not dotted:
                kind = "reserved"
            found.append(Token(kind, raw, upper, start, position))
        elif kind == "quoted":
            found.append(Token(kind, raw[1:-1].replace("``", "`"), "", start, position))
        elif kind == "string":
            found.append(Token(kind, _unquoted(raw), "", start, position))
        else:
            found.append(Token(kind, raw, raw if kind == "op" else "", start, position))
    found.append(Token("end", "", "", size, size))
    return found


def _unquoted(raw: str) -> str:
    body = raw[raw.index(raw[-1]) + 1 : -1]
    quote = raw[-1]
    if "\\" not in body and quote not in body:
        return body

    def plain(match: re.Match[str]) -> str:
        found = match[1]
        if found is None:
            return quote if match[0][0] == quote else match[0]
        # Before % and _ the backslash stays: it is LIKE that it escapes them for.
        return "\\" + found if found in "%_" else _ESCAPES.get(found, str(found))

    return _ESCAPED.sub(plain, body)
