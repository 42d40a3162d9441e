import re

a, b, t = (open(n, "rb").read() for n in ("first.enc", "second.enc", "first.txt"))
text = bytes(x ^ y ^ z for x, y, z in zip(a, b, t))
print(re.search(rb"flag\{.*?\}", text)[0].decode())
