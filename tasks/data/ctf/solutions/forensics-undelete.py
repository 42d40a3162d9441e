import re, struct, zlib

image = open("floppy.img", "rb").read()
sector, cluster, reserved, fats, roots, _, _, size = struct.unpack("<HBHBHHBH", image[11:24])
folder = (reserved + fats * size) * sector
for place in range(folder, folder + roots * 32, 32):
    if image[place] == 0xE5:
        first, length = struct.unpack("<HI", image[place + 26 : place + 32])
        start = folder + roots * 32 + (first - 2) * cluster * sector
        text = zlib.decompress(image[start : start + length])
        print(re.search(rb"flag\{.*?\}", text)[0].decode())
