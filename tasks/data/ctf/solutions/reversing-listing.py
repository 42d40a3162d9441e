word, steps = "", []
for line in open("check.s"):
    name, _, rest = line.strip().partition(" ")
    if name == "movzx":
        steps = []
    elif name in ("xor", "add", "sub") and rest.strip().startswith("al,"):
        steps.append((name, int(rest.split(",")[1], 0)))
    elif name == "not":
        steps.append(("xor", 255))
    elif name == "cmp":
        value = int(rest.split(",")[1], 0)
        for how, operand in reversed(steps):
            value = {"xor": value ^ operand, "add": value - operand, "sub": value + operand}[
                how
            ] % 256
        word += chr(value)
print(word)
