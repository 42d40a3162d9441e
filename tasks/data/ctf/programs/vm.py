"""A machine with one register and no mercy.

Usage: python3 vm.py PROGRAM WORD
"""

import sys


def main():
    """Run a program on a word."""
    code = open(sys.argv[1], "rb").read()
    if code[:6] != b"TOYVM\1":
        sys.exit("not a program")
    word = sys.argv[2].encode() if len(sys.argv) > 2 else b""
    register, good = 0, True
    for place in range(6, len(code), 2):
        operation, operand = code[place], code[place + 1]
        if operation == 0x10:
            good = good and len(word) == operand
        elif operation == 0x21:
            register = word[operand] if operand < len(word) else 0
        elif operation == 0x32:
            register = (register + operand) & 255
        elif operation == 0x43:
            register ^= operand
        elif operation == 0x54:
            register = (register << operand | register >> (8 - operand)) & 255
        elif operation == 0x65:
            good = good and register == operand
        else:
            sys.exit(f"illegal instruction {operation:#x} at {place}")
    print("right" if good else "wrong")


main()
