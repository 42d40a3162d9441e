import re

rows = [tuple(map(int, re.findall(r"= (\d+)", row))) for row in open("mails.txt")]
whole = rows[0][0] * rows[1][0] * rows[2][0]
cube = sum(c * (whole // n) * pow(whole // n, -1, n) for n, _, c in rows) % whole
low, high = 0, 1 << (cube.bit_length() // 3 + 2)
while low < high:
    middle = (low + high) // 2
    low, high = (middle + 1, high) if middle**3 < cube else (low, middle)
print(low.to_bytes((low.bit_length() + 7) // 8, "big").decode())
