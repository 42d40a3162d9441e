"""Forensics: captures, disk images, pictures and logs that hold more than they show."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from asynccode.tasks.ctf.challenge import Challenge, Scene, solution, words


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, rows: Sequence[bytes]) -> bytes:
    """A PNG of 8-bit RGB rows, unfiltered."""
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _picture(width: int, height: int, rng: random.Random) -> list[bytearray]:
    """A gradient with some noise."""
    return [
        bytearray(
            (2 * x + y * part + rng.randrange(4)) & 255 for x in range(width) for part in (1, 2, 3)
        )
        for y in range(height)
    ]


def _lowest_bits(flag: str, rng: random.Random) -> Scene:
    """A text in the lowest bits of a picture's red values."""
    rows = _picture(96, 24, rng)
    text = flag.encode() + b"\0"
    bits = [byte >> (7 - n) & 1 for byte in text for n in range(8)]
    for place, bit in enumerate(bits):
        y, x = divmod(place, 96)
        rows[y][3 * x] = rows[y][3 * x] & 254 | bit
    return Scene(files={"picture.png": _png(96, [bytes(row) for row in rows])})


def _stowaway(flag: str, rng: random.Random) -> Scene:
    """A picture with an archive behind its end."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in (("notes.txt", words(rng, 40)), ("flag.txt", f"{flag}\n")):
            made.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    rows = [bytes(row) for row in _picture(64, 32, rng)]
    return Scene(files={"holiday.png": _png(64, rows) + archive.getvalue()})


def _frame(source: int, target: int, ports: tuple[int, int], data: bytes) -> bytes:
    """An Ethernet frame with an UDP packet between hosts of 10.0.0.0/24; no check sums."""
    udp = struct.pack(">HHHH", *ports, 8 + len(data), 0) + data
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    ip += bytes([10, 0, 0, source, 10, 0, 0, target])
    return bytes(range(6)) + bytes(range(6, 12)) + b"\x08\0" + ip + udp


def _question(name: str, number: int) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def _tunnel(flag: str, rng: random.Random) -> Scene:
    """A capture in which a host asks for names that hold three bytes each, in disorder."""
    parts = [flag[start : start + 3] for start in range(0, len(flag), 3)]
    asked = [
        f"{number:02d}-{part.encode().hex()}.sync.example" for number, part in enumerate(parts)
    ]
    asked += [f"{rng.choice(words(rng, 1).split())}.example" for _ in range(60)]
    asked += [f"{rng.randrange(20):02d}-{rng.randbytes(3).hex()}.cdn.example" for _ in range(40)]
    rng.shuffle(asked)
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, name in enumerate(asked):
        sender = 66 if ".sync." in name else rng.randrange(2, 60)
        frame = _frame(sender, 1, (40000 + number, 53), _question(name, number))
        out += struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame
    return Scene(files={"capture.pcap": out})


_SECTOR = 512


def _fat(files: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A FAT12 floppy; names are 11 bytes, and one that begins with 0xE5 is a deleted file."""
    boot = b"\xeb\x3c\x90ASYNCODE" + struct.pack(
        "<HBHBHHBHHH", _SECTOR, 1, 1, 2, 112, 720, 0xFD, 2, 9, 2
    )
    table, folder, data = [0xFFD, 0xFFF], b"", b""
    for name, content in files:
        first, count = len(table), -(-len(content) // _SECTOR)
        is_deleted = name.startswith(b"\xe5")
        links = [first + n + 1 for n in range(count - 1)] + [0xFFF]
        table += [0] * count if is_deleted else links
        entry = name + b"\x20" + bytes(14) + struct.pack("<HI", first, len(content))
        folder += entry
        data += content.ljust(count * _SECTOR, b"\0")
    if len(table) % 2:
        table.append(0)
    fat = b"".join(
        (low | high << 12).to_bytes(3, "little")
        for low, high in zip(table[::2], table[1::2], strict=True)
    ).ljust(2 * _SECTOR, b"\0")
    whole = boot.ljust(510, b"\0") + b"\x55\xaa" + fat * 2 + folder.ljust(112 * 32, b"\0") + data
    return whole.ljust(720 * _SECTOR, b"\0")


def _undelete(flag: str, rng: random.Random) -> Scene:
    """A floppy from which the interesting file was deleted."""
    packed = zlib.compress(f"{words(rng, 300)}\n{flag}\n{words(rng, 200)}\n".encode(), 9)
    return Scene(
        files={
            "floppy.img": _fat(
                [
                    (b"README  TXT", f"{words(rng, 150)}\n".encode()),
                    (b"\xe5ECRET  Z  ", packed),
                    (b"LETTER  TXT", f"{words(rng, 90)}\n".encode()),
                ]
            )
        }
    )


def _sizes(flag: str, rng: random.Random) -> Scene:
    """A web server's log in which one client's answers have sizes that spell something."""

    def lines() -> Iterator[tuple[int, str]]:
        row = (
            '10.0.{}.{} - - [12/Mar/2024:{:02d}:{:02d}:{:02d} +0000] "GET {} HTTP/1.1" 200 {} "{}"'
        )
        for number, char in enumerate(flag):
            when = 3600 + number * 977
            clock = (when // 3600, when // 60 % 60, when % 60)
            yield when, row.format(7, 77, *clock, "/pixel.gif", 1000 + ord(char), "beacon/2.1")
        for _ in range(700):
            when = rng.randrange(86400)
            clock = (when // 3600, when // 60 % 60, when % 60)
            path, size = f"/{words(rng, 1)}.html", rng.randrange(1000, 1200)
            agent = rng.choice(("Mozilla/5.0", "curl/8.5", "beacon-free/1.0"))
            yield when, row.format(rng.randrange(9), rng.randrange(250), *clock, path, size, agent)

    text = "\n".join(line for _, line in sorted(lines()))
    return Scene(files={"access.log": f"{text}\n".encode()})


_BLANKS = ("\u2003", " ")


def _blank_page(flag: str, rng: random.Random) -> Scene:
    """A page of two kinds of blanks, bit by bit, lines broken anywhere."""
    bits = "".join(f"{byte:08b}" for byte in flag.encode())
    out = ""
    for bit in bits:
        out += _BLANKS[int(bit)] + ("\n" if rng.random() < 0.05 else "")
    return Scene(files={"page.txt": out.encode()})


CHALLENGES = (
    Challenge(
        name="forensics-lowest-bits",
        difficulty="medium",
        query="picture.png is an 8-bit RGB picture without filters. The lowest bits of the red"
        " values, row by row, spell a text that ends with a zero byte.",
        build=_lowest_bits,
        gold=[
            solution("forensics-lowest-bits"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="forensics-stowaway",
        difficulty="easy",
        query="holiday.png is larger than its picture.",
        build=_stowaway,
        gold=[
            (
                'python3 -c \'import zipfile; print(zipfile.ZipFile("holiday.png").read("flag.txt")'
                ".decode().strip())'"
            ),
        ],
    ),
    Challenge(
        name="forensics-name-tunnel",
        difficulty="medium",
        query="capture.pcap holds the questions that a network's hosts asked the name server. One"
        " host carried something out with them.",
        build=_tunnel,
        gold=[
            "strings -n 6 capture.pcap | head -5; grep -ac sync capture.pcap",
            solution("forensics-name-tunnel"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="forensics-undelete",
        difficulty="hard",
        query="floppy.img is the image of a FAT12 floppy. A file was deleted from it, and nothing"
        " was written since; it was packed with zlib.",
        build=_undelete,
        gold=[
            solution("forensics-undelete"),
            "python3 solve.py",
        ],
    ),
    Challenge(
        name="forensics-beacon",
        difficulty="easy",
        query="access.log is a web server's. A program with the user agent beacon/2.1 sent"
        " something home, letter by letter, in the sizes of the answers it got: 1000 and the"
        " character's code.",
        build=_sizes,
        gold=[
            'awk \'/"beacon\\/2\\.1"/ {printf "%c", $10 - 1000}\' access.log',
        ],
    ),
    Challenge(
        name="forensics-blank-page",
        difficulty="easy",
        query="page.txt looks empty, but it holds two kinds of blanks. Line breaks mean nothing.",
        build=_blank_page,
        gold=[
            solution("forensics-blank-page"),
            "python3 solve.py",
        ],
    ),
)
