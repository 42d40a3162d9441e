"""Words with quotes and variables, as engines read them in ENV and WORKDIR."""

from __future__ import annotations

import re
from collections.abc import Mapping

from asynccode.containerfile.lines import Instruction

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def words(instruction: Instruction, variables: Mapping[str, str]) -> list[str]:
    """Split what an instruction says; variables that are not set are empty."""
    text, place = instruction.rest, 0
    found: list[str] = []
    word: list[str] | None = None
    quote = ""
    while place < len(text):
        char = text[place]
        place += 1
        if char.isspace() and not quote:
            if word is not None:
                found.append("".join(word))
            word = None
            continue
        word = [] if word is None else word
        if char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        elif char == "\\" and quote != "'":
            following = text[place : place + 1]
            place += 1
            word.append(following if not quote or following in '"$\\' else char + following)
        elif char == "$" and quote != "'":
            value = _VARIABLE.match(text, place - 1)
            if value is None:
                raise instruction.refuse(
                    f"{text[place - 1 :].split()[0]} is not read",
                    "write $NAME or ${NAME}, or \\$ for a dollar",
                )
            word.append(variables.get(value[1] or value[2], ""))
            place = value.end()
        else:
            word.append(char)
    if quote:
        raise instruction.refuse(f"a quote {quote} is not closed", f"close it in {text}")
    return found if word is None else [*found, "".join(word)]
