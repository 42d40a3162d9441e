"""Reverse engineering: checks to invert, a small machine, a script in wrappings."""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
import random

from asynccode.tasks.ctf.challenge import Challenge, Scene, program, solution

_CHECK = '''\
"""Says whether a flag is the right one."""

import sys

EXPECTED = {expected}


def mangle(text):
    state = {start}
    for number, char in enumerate(text):
        state = (state * 5 + ord(char) ^ number * {step}) % 256
        yield state


given = sys.argv[1] if len(sys.argv) > 1 else ""
print("right" if list(mangle(given)) == EXPECTED else "wrong")
'''


def _check(flag: str, rng: random.Random) -> Scene:
    """A check whose state depends on all characters before."""
    start, step = rng.randrange(256), rng.randrange(3, 100, 2)
    state, expected = start, []
    for number, char in enumerate(flag):
        state = (state * 5 + ord(char) ^ number * step) % 256
        expected.append(state)
    text = _CHECK.format(expected=expected, start=start, step=step)
    return Scene(files={"check.py": text.encode()})


_PUSH, _READ, _ADD, _XOR, _ROTATE, _COMPARE = 0x10, 0x21, 0x32, 0x43, 0x54, 0x65


def _machine(flag: str, rng: random.Random) -> Scene:
    """A program for the machine in vm.py that checks its input letter by letter."""
    order = list(range(len(flag)))
    rng.shuffle(order)
    code = bytearray()
    for place in order:
        key, more, turn = rng.randrange(256), rng.randrange(256), rng.randrange(1, 8)
        value = ((ord(flag[place]) ^ key) + more) % 256
        value = (value << turn | value >> (8 - turn)) & 255
        code += bytes([_READ, place, _XOR, key, _ADD, more, _ROTATE, turn, _COMPARE, value])
    head = bytes([_PUSH, len(flag)])
    return Scene(
        files={
            "vm.py": program("programs/vm").encode(),
            "program.bin": b"TOYVM\1" + head + bytes(code),
        }
    )


_WRAPPED = """\
#!/bin/bash
# Asks for a word. No need to look any further.
eval "$(tr 'A-Za-z' 'N-ZA-Mn-za-m' <<< '{outer}' | rev | base64 -d)"
"""


def _wrapped(flag: str, rng: random.Random) -> Scene:
    """A shell script that evaluates what it unpacks, twice."""
    shift = rng.randrange(3, 60)
    codes = " ".join(str(ord(char) + shift) for char in flag)
    inner = (
        'read -r -p "word: " word\n'
        f"good=; for n in {codes}; do\n"
        f'  good+=$(printf "\\\\$(printf %o $((n - {shift})))"); done\n'
        '[ "$word" = "$good" ] && echo "that is it" || echo "no"\n'
    )
    middle = f"eval \"$(base64 -d <<< '{base64.b64encode(inner.encode()).decode()}')\"\n"
    outer = codecs.encode(base64.b64encode(middle.encode()).decode()[::-1], "rot13")
    return Scene(files={"ask.sh": _WRAPPED.format(outer=outer).encode()}, modes={"ask.sh": 0o755})


def _listing(flag: str, rng: random.Random) -> Scene:
    """A disassembly, as text, of a function that compares transformed bytes."""
    lines = ["check:", "    push   rbp", "    mov    rbp, rsp", "    mov    rsi, rdi"]
    for place, char in enumerate(flag):
        value = ord(char)
        lines.append(f"    movzx  eax, BYTE PTR [rsi+{place:#x}]")
        for _ in range(rng.randrange(1, 4)):
            operand = rng.randrange(1, 256)
            match rng.choice(("xor", "add", "sub", "not")):
                case "xor":
                    value ^= operand
                    lines.append(f"    xor    al, {operand:#x}")
                case "add":
                    value = (value + operand) % 256
                    lines.append(f"    add    al, {operand:#x}")
                case "sub":
                    value = (value - operand) % 256
                    lines.append(f"    sub    al, {operand:#x}")
                case _:
                    value ^= 255
                    lines.append("    not    al")
        lines += [f"    cmp    al, {value:#x}", "    jne    .no"]
    lines += ["    mov    eax, 1", "    pop    rbp", "    ret"]
    lines += [".no:", "    xor    eax, eax", "    pop    rbp", "    ret"]
    return Scene(files={"check.s": "\n".join([*lines, ""]).encode()})


def _labyrinth(flag: str, rng: random.Random) -> Scene:
    """An automaton with many ways and one that ends where it is to end."""
    states = [f"{number:04x}" for number in rng.sample(range(65536), 400)]
    way = rng.sample(states, len(flag) + 1)
    dead = [state for state in states if state not in way]
    edges = [[a, char, b] for a, char, b in zip(way, flag, way[1:], strict=False)]
    taken = dict(zip(way, flag, strict=False))
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789_{}"
    for state in states:
        free = rng.sample([char for char in alphabet if char != taken.get(state)], 4)
        # Dead ends lead to each other, so that the accepted word is the only one.
        edges += [[state, char, rng.choice(dead)] for char in free]
    rng.shuffle(edges)
    automaton = {"start": way[0], "accept": way[-1], "edges": edges}
    return Scene(files={"automaton.json": json.dumps(automaton).encode()})


_VAULT = '''\
"""Opens for whoever has a licence."""

import hashlib
import sys

BOX = bytes.fromhex("{box}")


def is_licence(number):
    digits = [int(digit) for digit in f"{{number:08d}}"]
    return (
        len(digits) == 8
        and number % {modulus} == {rest}
        and sum(digits) == {total}
        and digits[0] * digits[7] == {product}
        and digits[2] ^ digits[5] == {mixed}
    )


number = int(sys.argv[1]) if len(sys.argv) > 1 else 0
if not is_licence(number):
    sys.exit("no licence")
pad = b"".join(hashlib.sha256(b"%d:%d" % (number, n)).digest() for n in range(3))
text = bytes(a ^ b for a, b in zip(BOX, pad))
print(text.decode() if text.startswith(b"flag") else "not for this product")
'''


def _licence(flag: str, rng: random.Random) -> Scene:
    """A box locked with a number of which some properties are known."""
    number = rng.randrange(10_000_000, 100_000_000)
    digits = [int(digit) for digit in str(number)]
    pad = b"".join(hashlib.sha256(b"%d:%d" % (number, n)).digest() for n in range(3))
    text = _VAULT.format(
        box=bytes(a ^ b for a, b in zip(flag.encode(), pad, strict=False)).hex(),
        modulus=9973,
        rest=number % 9973,
        total=sum(digits),
        product=digits[0] * digits[7],
        mixed=digits[2] ^ digits[5],
    )
    return Scene(files={"vault.py": text.encode()})


CHALLENGES = (
    Challenge(
        name="reversing-rolling-check",
        difficulty="easy",
        query="check.py says whether a flag is right. Which one is?",
        build=_check,
        gold=[
            solution("reversing-rolling-check"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="reversing-toy-machine",
        difficulty="medium",
        query="vm.py is a machine, and program.bin runs on it: python3 vm.py program.bin WORD says"
        " whether WORD is the flag. Find the word it wants.",
        build=_machine,
        gold=[
            solution("reversing-toy-machine"),
            'python3 vm.py program.bin "$(python3 solve.py)"',
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="reversing-wrapped-script",
        difficulty="medium",
        query="ask.sh asks for a word, and the word it wants is the flag.",
        build=_wrapped,
        gold=[
            "sed 's/^eval/printf %s/' ask.sh > one.sh; bash one.sh > two.sh",
            "sed 's/^eval/printf %s/' two.sh > three; bash three > four.sh",
            "sed -e 's/^read.*//' -e 's/^\\[.*/echo \"$good\"/' four.sh > five.sh; bash five.sh",
        ],
    ),
    Challenge(
        name="reversing-listing",
        difficulty="medium",
        query="check.s is the disassembly of a function that returns 1 for the flag alone.",
        build=_listing,
        gold=[
            solution("reversing-listing"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="reversing-labyrinth",
        difficulty="medium",
        query="automaton.json holds the edges [from, letter, to] of a finite automaton. It accepts"
        " one word, which is the flag.",
        build=_labyrinth,
        gold=[
            solution("reversing-labyrinth"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="reversing-licence",
        difficulty="hard",
        query="python3 vault.py NUMBER opens for the eight digits of a valid licence, and nobody"
        " has one.",
        build=_licence,
        gold=[
            solution("reversing-licence"),
            "python3 solve.py",
        ],
    ),
)
