"""Files from outside, images, and what a sandbox changed."""

from __future__ import annotations

import hashlib

from asynccode.images import Commands, Entry, Image, Manifest
from asynccode.interfaces import Backend
from asynccode.outcomes import ChangeKind, Outcome
from asynccode.testing.checks.base import TIGHT, checks, expect

FILES = Manifest(
    entries=[
        Entry(path="/work/keep.txt", type="file", content=b"keep\n", mtime=1e9),
        Entry(path="/work/change.txt", type="file", content=b"before\n", mode=0o640),
        Entry(path="/work/drop.txt", type="file", content=b"drop\n"),
        Entry(path="/work/folder", type="directory", mode=0o755),
        Entry(path="/work/folder/inner.txt", type="file", content=b"inner\n"),
        Entry(path="/work/tree", type="directory", mode=0o755),
        Entry(path="/work/tree/leaf", type="file", content=b"leaf\n"),
        Entry(path="/work/link", type="symlink", content=b"keep.txt"),
    ]
)


@checks()
async def an_image_is_what_it_says(backend: Backend) -> None:
    """Files, permissions, times and links of an image are as described, then its commands run."""
    image = Image(
        layers=[FILES, Commands(lines=["echo made > made.txt", "cat made.txt > copy.txt"])]
    )
    async with await backend.open(image, TIGHT) as sandbox:
        code = (
            "cat keep.txt link copy.txt; stat -c %a change.txt; stat -c %Y keep.txt; readlink link"
        )
        expect(
            await sandbox.exec(["bash", "-c", code]),
            Outcome.OK,
            "keep\nkeep\nmade\n640\n1000000000\nkeep.txt\n",
        )
        assert await sandbox.changes() == (), "a fresh sandbox has changes"


@checks()
async def worlds_are_private(backend: Backend) -> None:
    """What one sandbox writes, another of the same image does not see."""
    image = Image(layers=[FILES])
    async with (
        await backend.open(image, TIGHT) as first,
        await backend.open(image, TIGHT) as second,
    ):
        await first.exec(["bash", "-c", "echo mine > keep.txt; touch new"])
        expect(
            await second.exec(["bash", "-c", "cat keep.txt; ls new 2>/dev/null"]),
            Outcome.NONZERO,
            "keep\n",
        )


@checks()
async def changes_are_exact(backend: Backend) -> None:
    """Every kind of change is told, with hashes on request; nothing else is."""
    async with await backend.open(Image(layers=[FILES]), TIGHT) as sandbox:
        code = """
        echo after > change.txt; rm drop.txt; rm -r tree; mkdir -p new/deep; echo x > new/deep/file
        rm -r folder; echo now a file > folder; ln -s nowhere dangling; touch keep.txt
        cp keep.txt same; mv same keep.txt; chmod 644 keep.txt; mkfifo pipe
        """
        expect(await sandbox.exec(["bash", "-c", code]), Outcome.OK)
        changes = {change.path.decode(): change for change in await sandbox.changes(hashes=True)}
        kinds = {path.removeprefix("/work/"): str(c.kind) for path, c in changes.items()}
        assert kinds == {
            "change.txt": "modified",
            "dangling": "added",
            "drop.txt": "deleted",
            "folder": "type_changed",
            "new": "added",
            "new/deep": "added",
            "new/deep/file": "added",
            "pipe": "added",
            "tree": "deleted",
        }, f"changes {kinds}"
        after = changes["/work/change.txt"]
        assert (after.type, after.mode, after.size) == ("file", 0o640, 6), f"{after}"
        assert after.sha256 == hashlib.sha256(b"after\n").hexdigest(), f"hash {after.sha256}"
        assert all(c.sha256 is None for c in await sandbox.changes()), "hashes without request"


@checks()
async def replaced_folders(backend: Backend) -> None:
    """A folder that was deleted and made anew differs by what is in it."""
    async with await backend.open(Image(layers=[FILES]), TIGHT) as sandbox:
        await sandbox.exec(["bash", "-c", "rm -r tree; mkdir tree; echo other > tree/other"])
        found = {(c.path, str(c.kind)) for c in await sandbox.changes()}
        expected = {(b"/work/tree/leaf", "deleted"), (b"/work/tree/other", "added")}
        assert found == expected, f"changes {found}"


@checks()
async def any_file_name(backend: Backend) -> None:
    """Names with spaces, newlines and bytes that are not UTF-8 are told exactly."""
    async with await backend.open(Image(), TIGHT) as sandbox:
        names = [b"with space", b"new\nline", b"\xff\xfe", "é".encode(), b"-n", b"'q'\""]
        code = r"""touch -- 'with space' $'new\nline' $'\xff\xfe' $'\xc3\xa9' -n $'\'q\'"' """
        expect(await sandbox.exec(["bash", "-c", code]), Outcome.OK)
        changes = await sandbox.changes()
        assert [c.path for c in changes] == sorted(b"/work/" + name for name in names), f"{changes}"
        assert all(c.kind is ChangeKind.ADDED for c in changes), f"{changes}"


@checks()
async def permissions_are_changes(backend: Backend) -> None:
    """A change of permissions alone is a modification."""
    async with await backend.open(Image(layers=[FILES]), TIGHT) as sandbox:
        await sandbox.exec(["chmod", "600", "keep.txt"])
        (change,) = await sandbox.changes()
        assert (change.kind, change.mode) == (ChangeKind.MODIFIED, 0o600), f"{change}"


@checks()
async def every_trace_of_writing_is_told(backend: Backend) -> None:
    """If fingerprints are given, reading leaves them equal, and whatever writes does not."""
    async with await backend.open(Image(layers=[FILES]), TIGHT) as sandbox:
        first = await sandbox.fingerprint()
        await sandbox.exec(["bash", "-c", "cat *.txt; ls -lR; cd folder; (exit 3)"])
        assert await sandbox.fingerprint() == first, "what was only read is a trace"
        for code in (
            "touch keep.txt",
            "touch -d 1970-01-01 keep.txt",
            "chmod 644 tree",
            "mkdir folder/new && rmdir folder/new",
            "cp -p keep.txt same && mv same keep.txt",
            "ln -s x y",
            "rm drop.txt",
        ):
            await sandbox.exec(["bash", "-c", code])
            before, first = first, await sandbox.fingerprint()
            assert first is None or first != before, f"{code!r} left no trace"


@checks()
async def read_and_write(backend: Backend) -> None:
    """Files are read and written from outside, folders made, and errors are the usual ones."""
    async with await backend.open(Image(layers=[FILES]), TIGHT) as sandbox:
        assert await sandbox.read("/work/keep.txt") == b"keep\n"
        data = bytes(range(256)) * 1000
        await sandbox.write("/work/a/b/new.bin", data, mode=0o600)
        assert await sandbox.read("/work/a/b/new.bin") == data
        expect(await sandbox.exec(["stat", "-c", "%a %u", "a/b/new.bin"]), Outcome.OK)
        for path, error in (("/work/none", FileNotFoundError), ("/work/folder", IsADirectoryError)):
            try:
                await sandbox.read(path)
            except error:
                continue
            raise AssertionError(f"reading {path} did not raise {error.__name__}")
        await sandbox.exec(["mkfifo", "pipe"])
        try:
            await sandbox.read("/work/pipe")
        except PermissionError:
            return
        raise AssertionError("a fifo was read")
