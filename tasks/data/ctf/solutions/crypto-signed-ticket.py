import sys, zlib

name, mac = sys.argv[1].split(":")
same = zlib.crc32(bytes(32) + b"guest") ^ zlib.crc32(bytes(32) + b"admin")
print(f"admin:{int(mac, 16) ^ same:08x}")
