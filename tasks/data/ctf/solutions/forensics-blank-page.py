text = open("page.txt", encoding="utf-8").read().replace("\n", "")
bits = text.replace("\u2003", "0").replace(" ", "1")
print("".join(chr(int(bits[n : n + 8], 2)) for n in range(0, len(bits), 8)))
