import re

source = open("check.py").read()
expected = eval(re.search(r"EXPECTED = (.*)", source)[1])
start = int(re.search(r"state = (\d+)", source)[1])
step = int(re.search(r"number \* (\d+)", source)[1])
state, text = start, ""
for number, wanted in enumerate(expected):
    text += next(chr(c) for c in range(32, 127) if (state * 5 + c ^ number * step) % 256 == wanted)
    state = wanted
print(text)
