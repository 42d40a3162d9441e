import re

data = open("note.enc", "rb").read()
state = int.from_bytes(bytes(a ^ b for a, b in zip(data, b"----")), "little")
text = b""
for start in range(0, len(data), 4):
    text += bytes(a ^ b for a, b in zip(data[start:], state.to_bytes(4, "little")))
    state = (1103515245 * state + 12345) % 2**32
print(re.search(rb"flag\{.*?\}", text)[0].decode())
