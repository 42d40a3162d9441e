from math import isqrt

n, e, c = (int(line.split("=")[1]) for line in open("public.txt"))
a = isqrt(n) + 1
while isqrt(a * a - n) ** 2 != a * a - n:
    a += 1
b = isqrt(a * a - n)
m = pow(c, pow(e, -1, (a - b - 1) * (a + b - 1)), n)
print(m.to_bytes((m.bit_length() + 7) // 8, "big").decode())
