import hashlib, re

source = open("vault.py").read()
box = bytes.fromhex(re.search(r'fromhex\("(\w+)', source)[1])
modulus, rest = map(int, re.search(r"% (\d+) == (\d+)", source).groups())
total = int(re.search(r"sum\(digits\) == (\d+)", source)[1])
number = rest + (10_000_000 - rest + modulus - 1) // modulus * modulus
while number < 100_000_000:
    if sum(map(int, str(number))) == total:
        pad = b"".join(hashlib.sha256(b"%d:%d" % (number, n)).digest() for n in range(3))
        text = bytes(a ^ b for a, b in zip(box, pad))
        if text.startswith(b"flag{"):
            print(text.decode())
    number += modulus
