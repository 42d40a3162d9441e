# Runs in the sandbox beside the interpreter, when a step has met a limit:
#   KEEPER SINCE FORCE   its keeper's process id; when the step began, in seconds since the
#                        machine did; `force` or `mild`
# Interrupts the step and ends what it has started; with `force` its worker ends too.
import os
import sys
import time

INT, KILL, TERM = 2, 9, 15
TICK = os.sysconf("SC_CLK_TCK")
keeper, force = int(sys.argv[1]), sys.argv[3] == "force"
session = str(os.getsid(keeper))


def stat(pid):
    """Give the words of a process after its name: state, parent, group, session, ..."""
    with open("/proc/%s/stat" % pid, encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()


STARTED = 19
since = int(float(sys.argv[2]) * TICK)


def look():
    """Give the worker, and the processes of its that are no older than the step."""
    parents, young, worker = {}, set(), 0
    for name in os.listdir("/proc"):
        try:
            words = stat(int(name))
        except (OSError, ValueError):
            continue
        pid, parent = int(name), int(words[1])
        if parent == keeper:
            worker = pid
        # Those that lost their parent are known by their POSIX session.
        parents[pid] = keeper if words[3] == session else parent
        if int(words[STARTED]) >= since:
            young.add(pid)
    started = []
    for pid in young - {worker, keeper, os.getpid()}:
        parent = pid
        while parent > 1 and parent != keeper:
            parent = parents.get(parent, 0)
        if parent == keeper:
            started.append(pid)
    return worker, started


def send(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        pass


for turn in range(3):
    worker, started = look()
    if force and worker:
        send(worker, KILL)
    for pid in started:
        send(pid, KILL if force or turn else TERM)
    if force:
        break
    # More than once: one is lost on `os.system`, and code may go on after it.
    for _ in range(5):
        if worker:
            send(worker, INT)
        time.sleep(0.005)
