import base64, bz2, gzip, lzma

data = open("onion", "rb").read()
while not data.startswith(b"flag{"):
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    elif data.startswith(b"BZh"):
        data = bz2.decompress(data)
    elif data.startswith(b"\xfd7zXZ"):
        data = lzma.decompress(data)
    else:
        data = base64.b64decode(data)
print(data.decode())
