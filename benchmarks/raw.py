"""What the kernel asks, as tight as Python can: the same requests as raw.c.

    raw.py OWNER LOWERDIRS [FOLDER...]

Run as a program. Reads "KIND N" lines and answers each with N times in nanoseconds on one
line. The worlds are those of our jails without nsjail: the same namespaces, a fresh overlay
on the image's folders with its upper layer on a tmpfs, /proc, the bound folders, chroot, exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from time import perf_counter_ns

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
# user, mount, pid, ipc, uts, net, cgroup
NAMESPACES = (
    CLONE_NEWUSER | CLONE_NEWNS | 0x20000000 | 0x8000000 | 0x4000000 | 0x40000000 | 0x2000000
)
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
SYS_CLONE3 = 435
HIDDEN = b"/run"
WORLD = b"/run/world"
LOOP = "while IFS= read -r line; do eval \"$line\"; echo '<>'; done"
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "TERM": "dumb"}
HI = ("bash", "--norc", "--noprofile", "-c", "echo hi")
# PyDLL: no thread waits for the interpreter, so there is nothing to release it for.
libc = ctypes.PyDLL(None, use_errno=True)


def check(result: int) -> int:
    """Raise what libc says."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def put(path: str, text: str) -> None:
    """Write a file of /proc."""
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)


class Raw:
    """A folder that only we see, and the worlds in it."""

    def __init__(self, owner: int, lowers: list[bytes], bound: list[bytes]) -> None:
        self.root = os.getuid() == 0
        self.owner = owner
        self.bound = [(folder, WORLD + b"/root" + folder) for folder in bound]
        self.map = f"0 {owner} 65536" if self.root else "0 0 1"
        self.steps: subprocess.Popen[bytes] | None = None
        self.count = 0
        uid, gid = os.getuid(), os.getgid()
        if self.root:
            check(libc.unshare(CLONE_NEWNS))
        else:
            check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
            put("/proc/self/setgroups", "deny")
            put("/proc/self/uid_map", f"0 {uid} 1")
            put("/proc/self/gid_map", f"0 {gid} 1")
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
        check(libc.mount(b"none", HIDDEN, b"tmpfs", 0, b"mode=755"))
        os.makedirs(WORLD + b"/root")
        places = []
        for number, folder in enumerate(lowers):
            places.append(WORLD + b"/l%d" % number)
            os.mkdir(places[-1])
            check(libc.mount(folder, places[-1], None, MS_BIND, None))
        self.lowers = b":".join(places)

    def start(self, *, sandbox: bool) -> int:
        """Start bash, in a world of its own or not; gives the time to its first output."""
        options = b""
        if sandbox:
            upper, work = (WORLD + b"/%s%d" % (kind, self.count) for kind in (b"u", b"w"))
            self.count += 1
            for folder in (upper, work):
                os.mkdir(folder)
                if self.root:
                    os.chown(folder, self.owner, self.owner)
            options = b"lowerdir=%s,upperdir=%s,workdir=%s,userxattr" % (self.lowers, upper, work)
        how = (ctypes.c_uint64 * 8)(NAMESPACES if sandbox else 0, 0, 0, 0, signal.SIGCHLD)
        out, writer = os.pipe()
        waits, go = os.pipe()
        began = perf_counter_ns()
        pid = check(libc.syscall(SYS_CLONE3, how, ctypes.sizeof(how)))
        if pid == 0:
            try:
                os.dup2(writer, 1)
                if sandbox:
                    self.enter(waits, options)
                os.execve("/bin/bash", HI, ENV)
            finally:
                os._exit(1)
        if sandbox:
            put(f"/proc/{pid}/uid_map", self.map)
            put(f"/proc/{pid}/gid_map", self.map)
            os.write(go, b"x")
        os.close(writer)
        got = os.read(out, 1)
        took = perf_counter_ns() - began
        for fd in (out, waits, go):
            os.close(fd)
        os.waitpid(pid, 0)
        if not got:
            raise SystemExit("it wrote nothing")
        return took

    def enter(self, waits: int, options: bytes) -> None:
        """Make this process's world and move into it."""
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
        os.read(waits, 1)  # our ids are mapped
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        check(libc.mount(b"none", WORLD + b"/root", b"overlay", 0, options))
        check(libc.mount(b"none", WORLD + b"/root/proc", b"proc", 0, None))
        for source, target in self.bound:
            check(libc.mount(source, target, None, MS_BIND | MS_REC, None))
        os.chroot(WORLD + b"/root")
        os.chdir("/")

    def step(self, code: bytes) -> int:
        """Run a line in the bash that reads lines; gives the time to the sentinel."""
        if self.steps is None:
            self.steps = subprocess.Popen(
                ["bash", "--norc", "--noprofile", "-c", LOOP],
                env=ENV,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        assert self.steps.stdin is not None
        assert self.steps.stdout is not None
        to, back = self.steps.stdin.fileno(), self.steps.stdout.fileno()
        began = perf_counter_ns()
        os.write(to, code)
        held = os.read(back, 4096)
        while not held.endswith(b"<>\n"):
            more = os.read(back, 4096)
            if not more:
                raise SystemExit("the steps' bash has ended")
            held += more
        return perf_counter_ns() - began


def main(words: list[str]) -> None:
    """Answer requests until there are no more."""
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    owner, lowers, *bound = words
    raw = Raw(int(owner), os.fsencode(lowers).split(b":"), [os.fsencode(path) for path in bound])
    for line in sys.stdin:
        kind, number = line.split()
        took = []
        for _ in range(int(number)):
            if kind in ("bash", "sandbox"):
                took.append(raw.start(sandbox=kind == "sandbox"))
            else:
                took.append(raw.step(b"echo hi\n" if kind == "step" else b"/bin/true\n"))
        print(*took, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
