"""Cryptography: ciphers used as they should not be."""

from __future__ import annotations

import hashlib
import random
from itertools import cycle

from asynccode.tasks.ctf.challenge import Challenge, Scene, program, solution, words

_SMALL = tuple(n for n in range(3, 1000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))


def _is_prime(n: int, rng: random.Random) -> bool:
    """Miller and Rabin's test, 8 rounds: plenty for random numbers of this size."""
    if any(n % prime == 0 for prime in _SMALL):
        return n in _SMALL
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(8):
        x = pow(rng.randrange(2, n - 1), odd, n)
        if x not in (1, n - 1) and not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def _prime(rng: random.Random, bits: int, after: int | None = None) -> int:
    """A random prime, or the first one after a number; not 1 modulo 3 nor modulo 65537."""
    n = (after + 2 if after else rng.getrandbits(bits) | 1 << (bits - 1)) | 1
    while n % 3 == 1 or n % 65537 == 1 or not _is_prime(n, rng):
        n += 2
    return n


def _xor(data: bytes, key: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(data, cycle(key), strict=False))


def _repeating(flag: str, rng: random.Random) -> Scene:
    """A letter under a repeated key, of which one word is known."""
    key = rng.randbytes(7)
    text = f"MEMORANDUM\n\n{words(rng, 60)}.\nThe phrase is {flag}, as agreed.\n{words(rng, 40)}.\n"
    return Scene(files={"memo.hex": _xor(text.encode(), key).hex().encode() + b"\n"})


def _two_pads(flag: str, rng: random.Random) -> Scene:
    """Two letters under the same pad, one of which was published."""
    known = f"Weather report: {words(rng, 20)}."
    secret = f"For your eyes only: {flag} {words(rng, 3)}"
    pad = rng.randbytes(max(len(known), len(secret)))
    return Scene(
        files={
            "first.enc": _xor(known.encode(), pad),
            "second.enc": _xor(secret.encode(), pad),
            "first.txt": known.encode(),
        }
    )


def _close_primes(flag: str, rng: random.Random) -> Scene:
    """RSA whose primes are neighbours."""
    p = _prime(rng, 320)
    q = _prime(rng, 320, after=p + rng.getrandbits(40))
    message = int.from_bytes(flag.encode(), "big")
    text = f"n = {p * q}\ne = 65537\nc = {pow(message, 65537, p * q)}\n"
    return Scene(files={"public.txt": text.encode()})


def _broadcast(flag: str, rng: random.Random) -> Scene:
    """The same message to three people with the exponent 3."""
    message = int.from_bytes(flag.encode(), "big")
    rows = []
    for name in ("ada", "bob", "cyd"):
        n = _prime(rng, 200) * _prime(rng, 200)
        rows.append(f"to {name}: n = {n} e = 3 c = {pow(message, 3, n)}\n")
    return Scene(files={"mails.txt": "".join(rows).encode()})


def _generator(flag: str, rng: random.Random) -> Scene:
    """A stream cipher on a linear congruential generator, and how the message begins."""
    multiplier, increment = 1103515245, 12345
    state = rng.getrandbits(31)
    text = f"-----BEGIN NOTE-----\n{words(rng, 8)}\n{flag}\n".encode()
    out = bytearray()
    for start in range(0, len(text), 4):
        state = (multiplier * state + increment) % 2**32
        out += _xor(text[start : start + 4], state.to_bytes(4, "little"))
    return Scene(files={"note.enc": bytes(out), "encrypt.py": program("programs/lcg").encode()})


def _checksum(flag: str, rng: random.Random) -> Scene:
    """A service that signs with a checksum, which is linear."""
    key = rng.randbytes(16).hex()
    source = program("services/ticket")
    return Scene(files={"ticket.py": source.encode()}, service=source, secret=f"{key} {flag}")


def _short_pin(flag: str, rng: random.Random) -> Scene:
    """A text under a key made from a short number."""
    pin = rng.randrange(10**5)
    salt = rng.randbytes(8)
    key = hashlib.sha256(salt + b"%05d" % pin).digest()
    pad = b"".join(hashlib.sha256(key + bytes([n])).digest() for n in range(3))
    text = f"salt {salt.hex()}\nbox {_xor(flag.encode(), pad).hex()}\n"
    return Scene(files={"box.txt": text.encode(), "lock.py": program("programs/pin").encode()})


CHALLENGES = (
    Challenge(
        name="crypto-repeating-key",
        difficulty="medium",
        query="memo.hex is a memorandum, XORed with a key of seven bytes that repeats, in"
        " hexadecimal. All our memoranda begin with the word MEMORANDUM.",
        build=_repeating,
        gold=[
            (
                'python3 -c \'import re; d = bytes.fromhex(open("memo.hex").read());'
                ' k = bytes(a ^ b for a, b in zip(d, b"MEMORAN"));'
                " t = bytes(c ^ k[i % 7] for i, c in enumerate(d)).decode();"
                ' print(re.search(r"flag\\{.*?\\}", t)[0])\''
            ),
        ],
    ),
    Challenge(
        name="crypto-same-pad",
        difficulty="easy",
        query="first.enc and second.enc were encrypted with the same one-time pad, and first.txt is"
        " what the first one says. What does the second one say?",
        build=_two_pads,
        gold=[
            solution("crypto-same-pad"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="crypto-close-primes",
        difficulty="medium",
        query="public.txt holds an RSA key and a message under it. Whoever made the key took the"
        " first prime that came, and then the next one but a few.",
        build=_close_primes,
        gold=[
            solution("crypto-close-primes"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="crypto-three-mails",
        difficulty="hard",
        query="mails.txt holds one message that was sent to three people, each time encrypted with"
        " the receiver's RSA key and no padding.",
        build=_broadcast,
        gold=[
            solution("crypto-three-mails"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="crypto-weak-stream",
        difficulty="medium",
        query="note.enc was encrypted by encrypt.py, with a key that is lost. Notes begin with the"
        " line -----BEGIN NOTE-----.",
        build=_generator,
        gold=[
            solution("crypto-weak-stream"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="crypto-signed-ticket",
        difficulty="hard",
        query="The service on 127.0.0.1, port 7000, gives tickets to guests and a flag to whoever"
        " has an admin's ticket. ticket.py is what it runs; its key and the flag are its own.",
        build=_checksum,
        gold=[
            "exec 3<>/dev/tcp/127.0.0.1/7000; echo ticket guest >&3; read -r ticket <&3; exec 3>&-",
            solution("crypto-signed-ticket"),
            'forged=$(python3 solve.py "$ticket")',
            'exec 3<>/dev/tcp/127.0.0.1/7000; echo "enter $forged" >&3; head -1 <&3; exec 3>&-',
        ],
    ),
    Challenge(
        name="crypto-short-pin",
        difficulty="easy",
        query="box.txt was made by lock.py with a PIN of five digits, which is forgotten.",
        build=_short_pin,
        gold=[
            solution("crypto-short-pin"),
            "python3 solve.py",
        ],
    ),
)
