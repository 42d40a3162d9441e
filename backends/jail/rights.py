"""What a jail's processes may do, and what they may call."""

from __future__ import annotations

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
# back to clone, whose flags can be looked at. Of these CLONE_PARENT is denied too: who ends a
# program would not find a child that is its sibling.
SECCOMP = """
POLICY asynccode {
  ERRNO(38) { clone3, SYSCALL[425], SYSCALL[426], SYSCALL[427] },
  ERRNO(1) {
    clone { (clone_flags & 0x7e028080) != 0 },
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
