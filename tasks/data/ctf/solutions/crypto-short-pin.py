import hashlib

salt, box = (bytes.fromhex(line.split()[1]) for line in open("box.txt"))
for pin in range(10**5):
    key = hashlib.sha256(salt + b"%05d" % pin).digest()
    pad = b"".join(hashlib.sha256(key + bytes([n])).digest() for n in range(3))
    text = bytes(a ^ b for a, b in zip(box, pad))
    if text.startswith(b"flag{"):
        print(text.decode())
        break
