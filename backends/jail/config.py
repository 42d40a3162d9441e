"""nsjail's configuration: what a jail sees, what it may use, what it may call.

In the text form of nsjail's `config.proto`, which nsjail reads from a pipe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from asynccode.backends import host
from asynccode.backends.warden import spawn
from asynccode.images import Image
from asynccode.outcomes import Limits, Window
from asynccode.shell.script import KEEPER

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL_FDS = 6

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


class _Word(str):
    """A value of an enumeration, which goes without quotes."""

    __slots__ = ()


def _write(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield f"{name} {{ {' '.join(_write(item))} }}"
            elif isinstance(item, _Word | bool | int):
                yield f"{name}: {str(item).lower() if isinstance(item, bool) else item}"
            else:
                yield f"{name}: {json.dumps(item, ensure_ascii=False)}"


def _mounts(base: str, stack: Sequence[str], hidden: Sequence[str]) -> list[dict[str, Any]]:
    lowers = ":".join(f"{spawn.IMAGES}/{name}" for name in stack)
    overlay = f"lowerdir={lowers},upperdir={spawn.UPPER},workdir={spawn.WORK},userxattr"
    bound = host.bound() if base == "host" else ()
    return [
        {"src": "overlay", "dst": "/", "fstype": "overlay", "options": overlay, "rw": True},
        {"src": spawn.DEVICES, "dst": "/dev", "is_bind": True},
        {"src": "proc", "dst": "/proc", "fstype": "proc", "rw": True},
        # An empty folder over the one in /proc that a jail's root may not read, so that
        # `find /` fares as it does for root elsewhere.
        {"src": "tmpfs", "dst": "/proc/tty", "fstype": "tmpfs", "options": "size=4k,mode=555"},
        *({"src": folder, "dst": folder, "is_bind": True} for folder in bound),
        *(
            {"src": "tmpfs", "dst": folder, "fstype": "tmpfs", "options": "size=4k,mode=555"}
            for folder in hidden
        ),
    ]


def variables(image: Image, window: Window | None = None) -> dict[str, str]:
    """Give the environment of a jail's programs, on a terminal or not."""
    terminal = "xterm" if window else "dumb"
    return {"PATH": PATH, "HOME": "/root", "TERM": terminal, **image.env}


def text(image: Image, limits: Limits, stack: Sequence[str], groups: Mapping[str, Path]) -> str:
    """Give the configuration of a jail on the layers of `stack`, topmost first.

    The owners are not in it: see `spawn.AHEAD`.
    """
    env = tuple(variables(image).items())
    hidden = host.hidden() if image.base == "host" else ()
    groups_known = frozenset(groups)
    return _text(image.base, image.workdir, env, limits, tuple(stack), groups_known, hidden)


@lru_cache
def _text(
    base: str,
    workdir: str,
    env: tuple[tuple[str, str], ...],
    limits: Limits,
    stack: tuple[str, ...],
    groups: frozenset[str],
    hidden: tuple[str, ...],
) -> str:
    hard = _Word("HARD")
    fields: dict[str, Any] = {
        "mode": _Word("ONCE"),
        "cwd": workdir,
        "time_limit": 0,
        "nice_level": 0,
        "log_fd": spawn.FIRST + SHELL_FDS,
        "log_level": _Word("WARNING"),
        "pass_fd": list(range(spawn.FIRST, spawn.FIRST + SHELL_FDS)),
        "mount_proc": False,
        # Those that `spawn` has made ahead.
        **{f"clone_new{kind}": False for kind in ("net", "ipc", "uts", "cgroup")},
        "mount": _mounts(base, stack, hidden),
        "cap": list(CAPABILITIES),
        "seccomp_string": SECCOMP,
        "rlimit_core": 0,
        "rlimit_nofile": 1024,
        "rlimit_cpu_type": hard,
        "rlimit_fsize_type": hard,
        "envar": [f"{name}={value}" for name, value in env],
        "exec_bin": {"path": "/bin/sh", "arg": ["-c", KEEPER, "asynccode"]},
    }
    if "memory" in groups:
        fields["rlimit_as_type"] = hard
    else:
        fields["rlimit_as"] = limits.memory_bytes >> 20
    if "pids" in groups:
        fields["rlimit_nproc_type"] = hard
    else:
        # Since Linux 5.14 this counts per user namespace, which every jail has its own of.
        fields |= {"rlimit_nproc_type": _Word("VALUE"), "rlimit_nproc": limits.processes}
    return "\n".join(_write(fields))
