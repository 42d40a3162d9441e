"""What the data tells of a task: what it lacks, network, leaks, golds that are wrong."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable, Iterator

from asynccode.records import Remark, Task
from asynccode.tasks.ctf.flags import body, disguises
from asynccode.tasks.intercode.ctf.loader import ASSETS, Assets

_NETWORK = (
    re.compile(r"https?://\S+"),
    re.compile(r"\bnc (?:[\w.-]+\.)+\w+ \d+"),
    re.compile(r"[Cc]onnect (?:to|with) (?:[\w.-]+\.)+\w+(?: at port)? \d+"),
    re.compile(r"^(?:wget|curl|git clone) \S+"),
)
_LINK = re.compile(rb"\s*https?://\S+\s*")
_FLAG = re.compile(r"picoCTF\{[^{}\n]+\}")
_SHORT = 6
"""Bodies of flags below this length are in many texts by chance."""
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")

KNOWN = {
    "7": ("network", "its program must be downloaded (found by others)"),
    "15": (
        "gold",
        r"it lacks a backslash: crackme.py, by ROT47, says picoCTF{1|\/|_4_p34|\|ut_f3bc410e}",
    ),
    "55": ("picture", "it shows pictures alone (found by others)"),
    "56": ("picture", "it shows pictures alone (found by others)"),
}
"""What is known of tasks whose files are not here to tell."""


def remarks(task: Task, assets: Assets) -> Iterator[Remark]:
    """Say what is to be said of a task, from its text, and from its files if they are there."""
    missing = assets.missing(task)
    if missing is not None:
        yield Remark(kind="missing", text=f"there is no {ASSETS}/{task.id}", blocks=True)
    yield from _network(task)
    yield from _query(task)
    yield from _gold(task)
    if missing is None:
        yield from _files(task, assets)
    elif task.id in KNOWN:
        kind, text = KNOWN[task.id]
        yield Remark(kind=kind, text=text)


def _network(task: Task) -> Iterator[Remark]:
    for where, text in [("query", task.query), *(("set-up", s) for s in task.metadata["setup"])]:
        found = next((match for pattern in _NETWORK if (match := pattern.search(text))), None)
        if found is not None:
            yield Remark(kind="network", text=f"the {where} says {found[0]!r}")


def _shown(flag: str, where: str, data: bytes) -> Iterator[Remark]:
    if len(body(flag)) < _SHORT:
        return
    for how, text in disguises(flag).items():
        if how != "token" and text.encode() in data:
            # Encoded, it is what is to be decoded.
            yield Remark(
                kind="leak", text=f"the flag ({how}) is in {where}", is_fault=how == "plain"
            )


def _query(task: Task) -> Iterator[Remark]:
    flag = task.metadata["flag"]
    yield from _shown(flag, "the query", task.query.encode())
    yield from _shown(flag, "the set-up", "\n".join(task.metadata["setup"]).encode())


def _gold(task: Task) -> Iterator[Remark]:
    flag, query = task.metadata["flag"], task.query
    if not _FLAG.fullmatch(flag) and "NOT be in the normal flag format" not in query:
        yield Remark(kind="gold", text=f"{flag!r} is not of the form picoCTF{{...}}")
    if " " in flag:
        yield Remark(kind="gold", text="it holds a blank, where the original cuts a submission")
    if "lowercase" in query and body(flag) != body(flag).lower():
        text = "it is in upper case where the query asks for lower; either is taken"
        yield Remark(kind="gold", text=text, is_fault=False)
    found = solved(task)
    if found is not None and found != flag:
        yield Remark(kind="gold", text=f"the query's own answer is {found!r}")


def _rot47(text: str) -> str:
    return "".join(chr(33 + (ord(c) + 14) % 94) if "!" <= c <= "~" else c for c in text)


def _files(task: Task, assets: Assets) -> Iterator[Remark]:
    flag, names = task.metadata["flag"], list(assets.names(task))
    for name in names:
        yield from _shown(flag, f"the name of {name}", name.encode())
        data = assets.read(task, name)
        yield from _shown(flag, f"{name}, for grep to find", data)
        if _LINK.fullmatch(data):
            yield Remark(kind="network", text=f"{name} is only a link: {data.decode().strip()}")
        for other in set(_FLAG.findall(_rot47(data.decode("latin-1")))) - {flag}:
            yield Remark(kind="gold", text=f"{name}, turned by ROT47, says {other!r}")
    is_shown = names and all(name.lower().endswith(_PICTURES) for name in names)
    if is_shown and "Cryptography" in task.metadata["category"]:
        yield Remark(kind="picture", text="it shows pictures alone")


def _vigenere(text: str, key: str) -> str:
    shift = [ord(char) - 65 for char in key]
    return "".join(
        chr((ord(char) - 65 - shift[place % len(key)]) % 26 + 65) for place, char in enumerate(text)
    )


_SOLUTIONS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"ROT13 is\? (\S+)", lambda m: codecs.decode(m[1], "rot13")),
    (r"started with (0x\w+) in hex", lambda m: chr(int(m[1], 16))),
    (r"What is (0x\w+) \(base 16\) in decimal", lambda m: str(int(m[1], 16))),
    (r"the number (\d+) \(base 10\) to binary", lambda m: f"{int(m[1]):b}"),
    (r"What does this (\w+) mean\?.* bases", lambda m: base64.b64decode(m[1]).decode()),
    (
        r"ASCII numbers .*: ((?:0x\w+ ?)+)",
        lambda m: "".join(chr(int(code, 16)) for code in m[1].split()),
    ),
    (r"to help (\w+) with the key of (\w+)", lambda m: _vigenere(m[1], m[2])),
)


def solved(task: Task) -> str | None:
    """Give the flag that follows from the query alone; None if it does not say all."""
    for pattern, answer in _SOLUTIONS:
        if found := re.search(pattern, task.query):
            text = answer(found)
            return text if _FLAG.fullmatch(text) else f"picoCTF{{{text}}}"
    return None
