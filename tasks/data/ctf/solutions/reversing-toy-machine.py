code = open("program.bin", "rb").read()[6:]
word = [None] * code[1]
for i in range(2, len(code), 10):
    place, key, more, turn, value = code[i + 1 : i + 10 : 2]
    value = (value >> turn | value << (8 - turn)) & 255
    word[place] = chr((value - more) % 256 ^ key)
print("".join(word))
