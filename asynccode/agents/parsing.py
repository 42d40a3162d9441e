"""Actions out of replies. Forgiving in where code may stand; what is found is not changed.

Code is what stands in a fenced block, to the letter, without the line break before the
closing fence. Of several blocks the first in the task's language counts, else the first.
A reply, or a block, that is the word `submit` or `skip` alone, or `submit ANSWER` on one
line, is that action. SQL may stand alone; other code without a block cannot be told from
prose and is not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

from asynccode.records import Action, Skip, Submit

CASELESS = re.IGNORECASE
FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<tag>[^\n`]*)$")
BARE = re.compile(
    r"[\s*_`\"'>-]*(?:action\s*:)?[\s*_`]*(?P<word>submit|skip)\b(?:\(\)|\[\])?[\s*_`.\"'!]*",
    CASELESS,
)
ANSWERED = re.compile(
    r"submit(?:\[(?P<bracket>[^\n]*)\]|[ \t]*:?[ \t]+(?P<answer>[^\n]+))", CASELESS
)
SQL = re.compile(
    r"^\s*(select|with|show|describe|desc|explain|insert|update|delete|pragma)\b", CASELESS
)
NAMES = {
    "bash": {"bash", "sh", "shell", "console", "zsh"},
    "sql": {"sql", "sqlite", "mysql", "postgresql", "postgres"},
    "python": {"python", "py", "python3"},
}
"""What a block in a language may be called."""


@frozen
class Block:
    """A fenced block."""

    tag: str
    code: str
    closed: bool


def blocks(text: str) -> Iterator[Block]:
    """Find the fenced blocks of a reply, as CommonMark has them; the last may be open."""
    fence, tag, lines = "", "", list[str]()
    for line in text.split("\n"):
        found = FENCE.match(line)
        if not fence:
            if found:
                fence, tag, lines = found["fence"], found["tag"].strip(), []
        elif found and not found["tag"].strip() and found["fence"].startswith(fence):
            yield Block(tag, "\n".join(lines), closed=True)
            fence = ""
        else:
            lines.append(line)
    if fence:
        yield Block(tag, "\n".join(lines), closed=False)


def find_block(text: str, language: str) -> Block | None:
    """Give the block that is the action: the first in the language, else the first."""
    found = [block for block in blocks(text) if block.code.strip()]
    names = NAMES.get(language, {language})
    own = (block for block in found if block.tag.split(" ")[0].lower() in names)
    return next(own, found[0] if found else None)


def typed(text: str) -> Submit | Skip | None:
    """Read `submit`, `submit ANSWER`, `submit[ANSWER]` or `skip`; None for all else."""
    text = text.strip()
    bare = BARE.fullmatch(text)
    if bare is not None:
        return Skip() if bare["word"].lower() == "skip" else Submit()
    if len(text) > 1 and text[0] == text[-1] == "`":
        text = text[1:-1]
    found = ANSWERED.fullmatch(text)
    if found is None:
        return None
    bracket, answer = found["bracket"], found["answer"]
    return Submit(answer=answer if bracket is None else bracket)


def read_action(text: str, language: str, *, cut: bool = False) -> Action | None:
    """Read the action of a reply; None if there is none.

    `cut`: the reply was cut off at its limit, so a block that is still open is not all of it.
    """
    block = find_block(text, language)
    if block is not None:
        if not block.closed and cut:
            return None
        return typed(block.code) or block.code
    last = text.strip().rsplit("\n", 1)[-1]
    ending = typed(text) or (typed(last) if not cut else None)
    if ending is not None:
        return ending
    stripped = text.strip()
    if re.fullmatch(r"`[^`\n]+`", stripped):
        return stripped[1:-1]
    if language == "sql" and SQL.match(text) and not cut:
        return stripped
    return None


THOUGHT = re.compile(r"^\s*\**thought(?:\s*\d+)?\s*:?\**\s*:?\s*", CASELESS)
ACTION = re.compile(
    r"^[ \t]*\**action(?:[ \t]*\d+)?[ \t]*:?\**[ \t]*:?[ \t]*", CASELESS | re.MULTILINE
)
OBSERVATION = re.compile(r"^[ \t]*\**observation(?:[ \t]*\d+)?[ \t]*:", CASELESS | re.MULTILINE)
EXECUTE = re.compile(r"\s*`*execute\[(?P<code>.*)\]`*\s*$", CASELESS | re.DOTALL)


def read_thought(
    text: str, language: str, *, cut: bool = False
) -> tuple[str | None, Action | None]:
    """Read the thought and the action of a ReAct reply.

    The action stands after `Action:` as a block, as `execute[CODE]`, on the same line, or as
    a typed action. What the model made up as an observation is left out.
    """
    found = ACTION.search(text)
    if found is None:
        action = read_action(text, language, cut=cut)
        thought = text.split("```", 1)[0]
        return _thought(thought), action
    thought, rest = text[: found.start()], text[found.end() :]
    block = find_block(rest, language)
    if block is not None:
        return _thought(thought), read_action(rest, language, cut=cut)
    made_up = OBSERVATION.search(rest)
    if made_up is not None:
        rest, cut = rest[: made_up.start()], False
    if cut:
        return _thought(thought), None
    executed = EXECUTE.match(rest)
    if executed is not None:
        return _thought(thought), executed["code"]
    return _thought(thought), typed(rest) or rest.strip().strip("`") or None


def _thought(text: str) -> str | None:
    return THOUGHT.sub("", text, count=1).strip() or None
