"""General skills: files, archives, bases, a script that does not run."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import lzma
import random
import zlib
from collections.abc import Callable

from asynccode.tasks.ctf.challenge import Challenge, Scene, solution, words


def _cards(flag: str, rng: random.Random) -> Scene:
    """A card per file: a place and a character; most of them are void."""
    cards = [(place, char, "valid") for place, char in enumerate(flag)]
    cards += [
        (rng.randrange(len(flag)), rng.choice("abcdef0123456789_{}"), "void") for _ in range(44)
    ]
    rng.shuffle(cards)
    files = {}
    for number, (place, char, state) in enumerate(cards):
        text = f"state: {state}\nplace: {place}\nletter: {char}\nnote: {words(rng, 4)}\n"
        files[f"cards/{number % 7}/{rng.randrange(10**8):08d}-{number}.card"] = text.encode()
    return Scene(files=files)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _onion(flag: str, rng: random.Random) -> Scene:
    """A text packed again and again."""
    packers: list[Callable[[bytes], bytes]]
    packers = [_gzip, bz2.compress, lzma.compress, base64.encodebytes]
    data, last = _gzip(f"{flag}\n".encode()), 0
    for _ in range(11):
        last = rng.choice([number for number in range(len(packers)) if number != last])
        data = packers[last](data)
    return Scene(files={"onion": data})


def _bases(flag: str, rng: random.Random) -> Scene:
    """Each character's code in some base."""
    forms = ("{:d}", "0x{:x}", "0o{:o}", "0b{:b}")
    codes = [rng.choice(forms).format(ord(char)) for char in flag]
    rows = [" ".join(codes[start : start + 8]) for start in range(0, len(codes), 8)]
    return Scene(files={"codes.txt": "\n".join([*rows, ""]).encode()})


_BROKEN = """\
#!/usr/bin/env python3
# Prints what the code book says, one word after the other.
import sys

def look_up(book, page, line):
    return book[page][line]

def main()
    book = [page.splitlines() for page in open("codebook.txt").read().split("\\f")]
    for entry in open("message.txt"):
        page, line, place = map(int, entry.split(":"))
        word = look_up(book, page, line)
      sys.stdout.write(word[place])
    print(

main()
"""


def _script(flag: str, rng: random.Random) -> Scene:
    """A script with three slips, a code book and a message."""
    pages = [
        ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789_{}", k=12)) for _ in range(20)]
        for _ in range(8)
    ]
    entries = []
    for char in flag:
        spots = [
            (page, line, place)
            for page, rows in enumerate(pages)
            for line, row in enumerate(rows)
            for place, letter in enumerate(row)
            if letter == char
        ]
        entries.append(":".join(map(str, rng.choice(spots))))
    book = "\f".join("\n".join(rows) for rows in pages)
    return Scene(
        files={
            "decode.py": _BROKEN.encode(),
            "codebook.txt": book.encode(),
            "message.txt": ("\n".join(entries) + "\n").encode(),
        }
    )


def _copies(flag: str, rng: random.Random) -> Scene:
    """Many files, of which one alone has the sum that is asked for."""
    files = {}
    right, total = rng.randrange(64), ""
    for number in range(64):
        token = "".join(rng.choices("0123456789abcdef", k=12))
        text = flag if number == right else flag[: flag.rindex("_") + 1] + token + "}"
        packed = zlib.compress(text.encode())
        if number == right:
            total = hashlib.sha256(packed).hexdigest()
        files[f"vault/{number:02d}.z"] = packed
    files["sum.txt"] = f"{total}\n".encode()
    return Scene(files=files)


CHALLENGES = (
    Challenge(
        name="general-house-of-cards",
        difficulty="easy",
        query="Below cards/ each *.card file holds one letter of a text and its place in it,"
        " counted from 0. Cards whose state is void do not count. Put the text together.",
        build=_cards,
        gold=[
            (
                "cat $(grep -rl '^state: valid' cards) | awk '/^place:/ {p = $2} /^letter:/"
                " {print p, $2}' | sort -n | cut -d' ' -f2 | tr -d '\\n'"
            )
        ],
    ),
    Challenge(
        name="general-onion",
        difficulty="medium",
        query="Somebody packed the file onion with gzip, bzip2, xz and Base64, in an order that"
        " nobody wrote down, a dozen times over. What is inside?",
        build=_onion,
        gold=[
            solution("general-onion", "peel.py"),
            "python3 peel.py",
        ],
    ),
    Challenge(
        name="general-mixed-bases",
        difficulty="easy",
        query="codes.txt holds the codes of a text's characters, each in decimal, hexadecimal,"
        " octal or binary as it came. Read the text.",
        build=_bases,
        gold=[
            (
                'python3 -c \'print(*(chr(int(n, 0)) for n in open("codes.txt").read().split()),'
                ' sep="")\''
            )
        ],
    ),
    Challenge(
        name="general-broken-script",
        difficulty="easy",
        query="decode.py would read the flag from message.txt and codebook.txt if it ran. Mend it.",
        build=_script,
        gold=[
            (
                "sed -i -e 's/def main()$/def main():/' -e 's/^      sys/        sys/'"
                " -e 's/^    print($/    print()/' decode.py"
            ),
            "python3 decode.py",
        ],
    ),
    Challenge(
        name="general-right-copy",
        difficulty="easy",
        query="vault/ holds sixty-four files packed with zlib, each with a flag. Only the flag"
        " counts whose packed file has the SHA-256 sum in sum.txt.",
        build=_copies,
        gold=[
            'f=$(sha256sum vault/* | grep "^$(cat sum.txt)" | cut -c67-)',
            (
                "python3 -c 'import sys, zlib;"
                ' print(zlib.decompress(open(sys.argv[1], "rb").read()).decode())\' "$f"'
            ),
        ],
    ),
)
