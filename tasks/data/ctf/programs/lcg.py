"""Encrypts a file: python3 encrypt.py KEY FILE > FILE.enc, KEY being a number."""

import sys


def stream(key):
    """Give four bytes after the other, for ever."""
    while True:
        key = (1103515245 * key + 12345) % 2**32
        yield from key.to_bytes(4, "little")


def main():
    """Encrypt."""
    text = open(sys.argv[2], "rb").read()
    sys.stdout.buffer.write(bytes(a ^ b for a, b in zip(text, stream(int(sys.argv[1])))))


main()
