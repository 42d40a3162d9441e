# Runs in the sandbox, on Python 3.7 or later, with the standard library alone: asynccode sends
# its text to `python3`. Two processes. The *keeper* is prepared once and forks the *worker* that
# runs the steps; when a worker ends, however it ends, the keeper says so and forks another.
# Both hold the channel (requests in, output out) on high descriptors that are closed on exec.
#
#   request   10 bytes: code's length in hex, `m` or `s` (errors merged or split), `k` or `f`
#             (keep the worker or not); the code; and a token, which stays unread in the channel
#             until the code has ended: whatever the code writes, it cannot hold the token.
#   reply     in the output, after all that the step wrote: NUL TOKEN ` ` KIND STATUS WORKER
#             ERRNO NEWLINE; with split errors also NUL TOKEN NEWLINE in the errors
#
# Names are imported under the cover of one dictionary, which no module of the agent's holds.
import _signal
import builtins
import fcntl
import gc
import mmap
import os
import select
import sys

from errors import SOURCES, find_words, remember, say  # one text in the sandbox

HEAD, TOKEN = 10, 32
HIGH = 300  # where our descriptors are moved to
ONLY_AST = 0x400
FUTURES = 0x1FE0000  # every `from __future__` flag of the compiler
IDLE = 0.05  # seconds without a request after which what an error needs is imported
ALL = _signal.valid_signals() if hasattr(_signal, "valid_signals") else range(1, _signal.NSIG)


class State:
    channel = output = errors = -1
    keeper = 0
    forked = False
    steps = flags = 0
    main = None


def receive(size):
    parts = []
    while size:
        part = os.read(State.channel, size)
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def send(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def reply(token, kind, status, worker, number=0):
    return b"\0%s %s %d %d %d\n" % (token, kind, status, worker, number)


def high(fd):
    for least in HIGH, 64, 16:
        try:
            return fcntl.fcntl(fd, 1030, least)  # F_DUPFD_CLOEXEC
        except OSError:  # no process may have as many
            pass
    os._exit(72)


def main():
    State.channel, State.output, State.errors = high(0), high(1), high(2)
    token = receive(TOKEN)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for name in "stdout", "stderr":
        stream = getattr(sys, name)
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", line_buffering=True)
        setattr(sys, "__%s__" % name, stream)
    os.dup2(1, 2)
    busy = mmap.mmap(-1, 1)
    State.keeper = os.getpid()
    State.main = type(sys)("__main__")
    State.main.__builtins__ = builtins
    sys.modules["__main__"] = State.main
    sys.argv = [""]
    sys.path[0] = ""
    gc.freeze()
    kind, status = b"ready", State.keeper
    while True:
        worker = fork()
        if not worker:
            try:
                serve(busy)
            finally:
                os._exit(70)
        if kind == b"exit":
            send(State.errors, b"\0%s\n" % token)
        if kind:
            send(State.output, reply(token, kind, status, worker))
            find_words()
        kind, status = b"", os.waitpid(worker, 0)[1]
        if busy[0]:
            busy[0] = 0
            kind, token = b"exit", receive(TOKEN)
            status = status >> 8 if not status & 127 else 128 + (status & 127)


def fork():
    for _ in range(200):
        try:
            return os.fork()
        except OSError:
            select.select([], [], [], 0.01)
    os._exit(71)


def serve(busy):
    os.setpgid(0, 0)  # so that what signals its own group does not meet the keeper
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:
            file.write("500")  # rather than the keeper
    except OSError:
        pass
    _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL)
    os.register_at_fork(after_in_child=in_child)
    streams = sys.stdin, sys.stdout, sys.stderr
    while True:
        if "linecache" not in sys.modules and not select.select([State.channel], [], [], IDLE)[0]:
            find_words()
            remember()
        head = receive(HEAD)
        source = receive(int(head[:8], 16))
        if os.getppid() != State.keeper:  # nobody would say how it ends
            send(State.output, reply(receive(TOKEN), b"gone", 0, 0))
            os._exit(0)
        split = head[8:9] == b"s"
        streams = clear(streams, split)
        busy[0] = 1
        status, number = perform(source)
        if State.forked:
            flush(streams)
            os._exit(status)
        token = receive(TOKEN)
        busy[0] = 0
        last = reply(token, b"done", status, os.getpid(), number)
        finish(streams, split, token, last)
        if head[9:10] == b"f":
            os._exit(0)


def clear(streams, split):
    # Whatever the last step did to the standard streams ends with it.
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # also drops one that came too late
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    try:
        if streams[0].closed or os.fstat(0).st_rdev != os.stat(os.devnull).st_rdev:
            raise ValueError
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        if null:
            os.close(null)
    os.dup2(State.output, 1)
    os.dup2(State.errors if split else State.output, 2)
    renewed = []
    for fd, stream in enumerate(streams):
        if stream.closed:
            stream = open(  # noqa: SIM115 (it is the process's own for good)
                fd,
                "w" if fd else "r",
                1,
                encoding="utf-8",
                errors="surrogateescape",
                closefd=False,
            )
        renewed.append(stream)
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = renewed
    return tuple(renewed)


def flush(streams):
    for stream in streams[1:]:
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def finish(streams, split, token, last):
    flush(streams)
    if split:
        send(State.errors, b"\0%s\n" % token)
    send(State.output, last)


def in_child():
    # A process that the agent forks runs on in its code, but does not speak for the session.
    if not State.forked:
        State.forked = True
        os.close(State.channel)


def perform(source):
    State.steps += bool(source)
    name = "<step %d>" % State.steps
    if source:
        SOURCES[name] = source
        remember()
    try:
        try:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, ALL)
            run(source, name)
            return 0, 0
        finally:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL)
    except BaseException as error:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL)
        return say(error)


def run(source, name):
    source = source.decode("utf-8", "surrogatepass")
    tree = compile(source, name, "exec", ONLY_AST | State.flags, True)
    last = tree.body.pop() if tree.body and type(tree.body[-1]).__name__ == "Expr" else None
    world = State.main.__dict__
    if tree.body:
        code = compile(tree, name, "exec", State.flags, True)
        State.flags |= code.co_flags & FUTURES
        exec(code, world)
    if last is not None:
        single = compile("0", name, "single", ONLY_AST)
        single.body = [last]
        exec(compile(single, name, "single", State.flags, True), world)
