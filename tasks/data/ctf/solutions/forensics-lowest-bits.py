import struct, zlib

data = open("picture.png", "rb").read()
width, height = struct.unpack(">II", data[16:24])
place, packed = 8, b""
while place < len(data):
    size, kind = struct.unpack(">I4s", data[place : place + 8])
    if kind == b"IDAT":
        packed += data[place + 8 : place + 8 + size]
    place += size + 12
raw, stride = zlib.decompress(packed), 3 * width + 1
bits = [raw[y * stride + 1 + 3 * x] & 1 for y in range(height) for x in range(width)]
text = bytes(int("".join(map(str, bits[n : n + 8])), 2) for n in range(0, len(bits), 8))
print(text.split(b"\0")[0].decode())
