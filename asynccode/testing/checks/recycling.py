"""A sandbox that is used again: made new, or not given.

Whoever was in it was root of it and may have known what comes. So each check leaves something
behind, and then either there is no second sandbox, or nothing in it tells it from a new one.
"""

from __future__ import annotations

import anyio

from asynccode.errors import SandboxLost
from asynccode.images import Image
from asynccode.interfaces import Backend, Sandbox
from asynccode.testing.checks.base import TIGHT, checks

LOOK = r"""
declare -p | grep -v -e BASHPID -e RANDOM -e SECONDS -e EPOCH -e PPID -e SRANDOM -e BASH_LINENO \
  -e LINENO -e BASH_ARG -e FUNCNAME -e '_=' -e '__ac_x='
declare -F; alias; trap -p; shopt; shopt -o; umask; pwd; ulimit -a; ulimit -aH; jobs; hash 2>&1
for p in /proc/[0-9]*; do read -r x <$p/comm && names+="$x"$'\n'; done
printf %s "$names" | sort; unset names p x
ls -l /proc/self/fd | awk '{print $9, $10, $11}' | grep -v -e pipe: -e /proc/ -e socket:
ls -laR --time-style=full-iso /tmp /dev/shm /dev/mqueue /work /root /run
cat /proc/1/limits /proc/1/oom_score_adj /proc/sysvipc/* /etc/hosts /etc/passwd
grep -E '^(Sig[BIC]|Shd|Cap|Umask|NoNewPrivs|Seccomp|[A-Za-z]+_allowed_list)' /proc/self/status
awk '{print $18, $19, $41}' /proc/self/stat
cut -d' ' -f1-20 /proc/net/dev /proc/net/tcp /proc/net/tcp6 /proc/net/unix
cat /proc/net/snmp /proc/net/snmp6 /proc/net/netstat /proc/net/rt6_stats /proc/net/ipv6_route
"""
"""All that a step can see which does not change by itself."""


async def _look(sandbox: Sandbox, code: str | None = None) -> str:
    """Look around from a session, and do something; what is looked at is what was there before."""
    session = await sandbox.session()
    seen = await session.run(LOOK, split=True, seconds=30)  # on a busy machine
    assert seen.exit_code is not None, f"looking around ended with {seen.outcome}: {seen.text}"
    if code is not None:
        await session.run(code)
    return f"{(seen.stdout or b'').decode()}\n{(seen.stderr or b'').decode()}"


async def _renewed(backend: Backend, code: str) -> bool:
    """Whether a sandbox was used again after `code`; if so, it was like new."""
    sandbox = await backend.open(Image(), TIGHT)
    try:
        before = await _look(sandbox, code)
        again = await sandbox.renew()
    finally:
        await sandbox.aclose()
    if again is None:
        return False
    async with again:
        after = await _look(again)
        changes = await again.changes()
    new, old = after.splitlines(), before.splitlines()
    odd = [line for line in new if line not in old] or [line for line in old if line not in new]
    assert after == before, f"after {code!r} the next one sees {odd[:3]}"
    assert changes == (), f"after {code!r} the next one has {changes}"
    return True


@checks("recycling")
async def what_ends_with_a_session(backend: Backend) -> None:
    """After variables, folders, limits, traps, jobs, descriptors: used again, and like new."""
    for code in (
        "x=1; export PATH=/tmp:$PATH y=2; ls() { echo no; }; alias cat=rm; cd /; umask 0; set -u",
        "ulimit -n 20; trap 'echo bye' EXIT HUP; shopt -s extglob; exec 7</dev/null",
        "sleep 1000 & sleep 1000 | sleep 1000 & trap '' TERM HUP INT",
        "bash -c 'trap \"\" TERM HUP; while :; do :; done' & disown",
        "perl -e 'use Fcntl; fcntl(STDOUT, F_SETFL, O_APPEND | O_NONBLOCK)'; echo hi",
        "printf '\\001\\002no line end'; printf 'nor here' >&2; exec 2>&1",
    ):
        assert await _renewed(backend, code), f"after {code!r} it was not used again"


@checks("recycling")
async def what_was_written(backend: Backend) -> None:
    """Whoever wrote anything anywhere, even if it was undone and no time tells, was the last."""
    for code in (
        "echo x >/tmp/x",
        "echo x >/tmp/x; rm /tmp/x; touch -d '2001-01-01' /tmp",
        "cp -p /etc/passwd /work/p; mv /work/p /etc/passwd",
        "chmod 700 /tmp; chmod 1777 /tmp",
        "echo x >/dev/shm/x; rm /dev/shm/x",
        "touch /dev/mqueue/x",
        "echo '127.0.0.1 x' >>/etc/hosts",
        "ln -s x /dev/x; rm /dev/x",
        "chmod 741 /dev/pts/ptmx",
        "chown 4242:77 /dev/pts/ptmx",
        "touch -d '2001-01-01' /dev/pts/ptmx",
        "touch -d '2001-01-01' /dev/pts",
        "touch -d '2001-01-01' /proc",
    ):
        assert not await _renewed(backend, code), f"after {code!r} it was used again"


@checks("recycling")
async def what_touches_the_first_process(backend: Backend) -> None:
    """Whoever reached for the process that starts the shells was the last."""
    for code in (
        # Into its memory, in the middle of what is its own.
        r"""while read -r range mode _ _ _ name; do
              [ "$name" = '[heap]' ] && at=$((16#${range%-*} + 4096))
            done </proc/1/maps; printf X | dd of=/proc/1/mem bs=1 seek=$at conv=notrunc""",
        "echo 900 >/proc/1/oom_score_adj",
        "renice -n 5 -p 1; true",
        "chrt -R -o -p 0 1",  # which only shows in what is forked
        "prlimit --pid 1 --nofile=64:64 || renice -n 1 -p 1",
        "(sleep 0.01 &) ; sleep 0.2",  # an orphan, which it must bury
        "kill -9 $$",
        # What it will read as its next command, when nobody reads it before.
        r"""(sleep 0.2; kill -STOP $$; printf 'start x\necho evil\n' >/proc/1/fd/0) &
            builtin : ; disown""",
    ):
        sandbox = await backend.open(Image(), TIGHT)
        session = await sandbox.session()
        await session.run(code)
        await anyio.sleep(0.4)
        again = await sandbox.renew()
        if again is not None:
            await again.aclose()
        assert again is None, f"after {code!r} it was used again"


@checks("recycling")
async def what_stays_in_the_kernel(backend: Backend) -> None:
    """Whoever left shared memory, a queue, or a trace on the network was the last."""
    for code in (
        "ipcmk -M 100",
        "ipcmk -Q",
        "ipcmk -S 1",
        "exec 5<>/dev/tcp/127.0.0.1/9; exec 5<&-; true",
        "echo >/dev/tcp/10.1.1.1/80; true",  # which it only counts
        "chmod 741 /proc/net/dev",
        "ipcrm -m $(ipcmk -M 100 | grep -o '[0-9]*$')",  # the next has another number
    ):
        assert not await _renewed(backend, code), f"after {code!r} it was used again"


@checks("recycling")
async def what_leaves_a_trace_in_some_places(backend: Backend) -> None:
    """What is not found where there is no such network is not seen where there is."""
    for code in ("exec 5<>/dev/udp/::1/9; exec 5<&-", "getent ahosts localhost"):
        await _renewed(backend, code)


@checks("recycling")
async def what_goes_on_writing(backend: Backend) -> None:
    """What writes or forks while the sandbox is given back is not seen or heard of after."""
    for code in (
        "(while :; do echo evil; done) &",
        "(while :; do echo evil >&2; done) 2>/proc/1/fd/9 & echo",
        "b() { b & sleep 0.02; b; }; b & true",
    ):
        for _ in range(3):
            await _renewed(backend, code)


@checks("recycling")
async def who_is_given_back(backend: Backend) -> None:
    """A sandbox that was renewed is closed, whether there is another or not; the count is right."""
    before = backend.statistics()["open"]
    sandbox = await backend.open(Image(), TIGHT)
    session = await sandbox.session()
    again = await sandbox.renew()
    assert again is not None, "an unused sandbox was not renewed"
    assert not sandbox.is_alive, "what was renewed says it is alive"
    try:
        await session.run("echo hi")
    except SandboxLost:
        pass
    else:
        raise AssertionError("the old session still runs steps")
    await sandbox.aclose()
    assert (await (await again.session()).run("echo hi")).text == "hi\n", "the new one is broken"
    assert await sandbox.renew() is None, "a closed sandbox was renewed"
    await again.aclose()
    assert backend.statistics()["open"] == before, "the sandbox still counts as open"
