"""The jail's seccomp policy in the kernel's own form, for programs that nsjail does not start.

nsjail compiles the text of `rights.SECCOMP` with Kafel; this reads the part of that language
which the text uses, so that there is one policy.
"""

from __future__ import annotations

import platform
import re
import struct
from collections.abc import Iterator
from functools import cache

from asynccode.backends.jail.rights import CAPABILITIES, SECCOMP
from asynccode.errors import Unavailable

NUMBERS = {
    "clone3": 435,
    "clone": 56,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "umount": 166,
    "pivot_root": 155,
    "chroot": 161,
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "lookup_dcookie": 212,
    "fanotify_init": 300,
    "init_module": 175,
    "finit_module": 313,
    "delete_module": 176,
    "kexec_load": 246,
    "kexec_file_load": 320,
    "reboot": 169,
    "swapon": 167,
    "swapoff": 168,
    "acct": 163,
    "quotactl": 179,
    "syslog": 103,
    "vhangup": 153,
    "iopl": 172,
    "ioperm": 173,
    "settimeofday": 164,
    "clock_settime": 227,
    "adjtimex": 159,
    "clock_adjtime": 305,
    "sethostname": 170,
    "setdomainname": 171,
}
"""System calls of x86_64 by the names Kafel has for them."""
CAPABILITY_NUMBERS = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_FOWNER": 3,
    "CAP_FSETID": 4,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
}

AUDIT_ARCH_X86_64 = 0xC000003E
X32 = 0x40000000
"""Set in the numbers of another kind of calls, which would not be recognised."""
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
LOAD, RETURN = 0x20, 0x06
EQUAL, AT_LEAST, ANY_BIT = 0x15, 0x35, 0x45
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
ENOSYS = 38

_CALL = re.compile(r"SYSCALL\[(\d+)\]|(\w+)(?: \{ \(\w+ & (0x[0-9a-f]+)\) != 0 \})?")


def capabilities() -> int:
    """Give the capabilities that a jail's processes keep, as a mask."""
    return sum(1 << CAPABILITY_NUMBERS[name] for name in CAPABILITIES)


@cache
def numbered(policy: str = SECCOMP) -> str:
    """Give a policy with numbers for names, where they are known: Kafel takes half the time."""
    if platform.machine() != "x86_64":
        return policy
    names = "|".join(NUMBERS)
    return re.sub(rf"\b({names})\b(?! {{)", lambda name: f"SYSCALL[{NUMBERS[name[1]]}]", policy)


def _rules(policy: str) -> Iterator[tuple[int, int, int]]:
    """Give for each denied call its number, the error, and which bits of its first argument.

    No bits: it is denied whatever its arguments are.
    """
    body = policy[policy.index("{") + 1 : policy.index("\n}")]
    for rule in body.split("ERRNO(")[1:]:
        error, _, calls = rule.partition(") {")
        for number, name, bits in _CALL.findall(calls):
            yield int(number or NUMBERS[name]), int(error), int(bits or "0", 16)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


@cache
def program(policy: str = SECCOMP) -> bytes:
    """Compile a policy. Raises `Unavailable` on a machine whose calls have other numbers."""
    if platform.machine() != "x86_64":
        raise Unavailable(f"programs beside a jail's shells need x86_64, not {platform.machine()}")
    steps = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, AUDIT_ARCH_X86_64, 1),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER),
        _step(AT_LEAST, X32, 0, 1),
        _step(RETURN, ERRNO | ENOSYS),
    ]
    for number, error, bits in _rules(policy):
        deny = [_step(RETURN, ERRNO | error)]
        if bits:
            deny = [
                _step(LOAD, FIRST_ARGUMENT),
                _step(ANY_BIT, bits, 0, 1),
                *deny,
                _step(RETURN, ALLOW),
            ]
        steps += [_step(EQUAL, number, 0, len(deny)), *deny]
    return b"".join([*steps, _step(RETURN, ALLOW)])
