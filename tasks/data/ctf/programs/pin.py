"""Locks a text into a box: python3 lock.py PIN TEXT, PIN being five digits."""

import hashlib
import os
import sys


def main():
    """Lock."""
    pin, text = sys.argv[1].encode(), sys.argv[2].encode()
    salt = os.urandom(8)
    key = hashlib.sha256(salt + pin).digest()
    pad = b"".join(hashlib.sha256(key + bytes([n])).digest() for n in range(3))
    print("salt", salt.hex())
    print("box", bytes(a ^ b for a, b in zip(text, pad)).hex())


main()
