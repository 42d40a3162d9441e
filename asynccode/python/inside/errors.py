# What an error that ends a step says. It goes before the text of the interpreter, as one text.
import errno
import os
import sys

OURS = "<asynccode>"  # the file name of this text, left out of every traceback
SOURCES = {}  # the text of steps, by the file names they have in tracebacks


def find_words():
    # What a traceback needs. Imported where the agent's folder is not on the path.
    before, sys.path[:] = sys.path[:], sys.path[1:]
    try:
        import traceback
    finally:
        sys.path[:] = before
    return traceback


def remember():
    # Where tracebacks and `inspect` look for the lines of what was never a file.
    linecache = sys.modules.get("linecache")
    if linecache is None or not hasattr(linecache, "cache"):
        return
    while SOURCES:
        name, source = SOURCES.popitem()
        text = source.decode("utf-8", "replace") + "\n"
        linecache.cache[name] = len(text), None, text.splitlines(True), name


def say(error):
    if isinstance(error, SystemExit):
        code = error.code
        if code is None or isinstance(code, int):
            return (code or 0) & 255, 0
        print_error(str(code) + "\n")
        return 1, 0
    number = 0
    if isinstance(error, OSError):
        number = error.errno or 0
    elif isinstance(error, MemoryError):
        number = errno.ENOMEM
    elif isinstance(error, RuntimeError) and "start new thread" in str(error.args):
        number = errno.EAGAIN
    if number == errno.EAGAIN and can_fork():
        number = 0  # it was something else that would have had to wait
    try:
        text = words(error)
    except BaseException as other:  # its own __str__ may do anything
        text = "%s (and its text could not be made: %s)\n" % (
            type(error).__name__,
            type(other).__name__,
        )
    print_error(text)
    return 1, number


def can_fork():
    try:
        pid = os.fork()
    except OSError:
        return False
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return True


def print_error(text):
    try:
        sys.stdout.flush()
    except BaseException:
        pass
    sys.stderr = sys.__stderr__
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BaseException:
        pass


def words(error):
    traceback = find_words()
    remember()
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    seen, todo = set(), [told]
    while todo:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        if getattr(item, "stack", None):
            item.stack[:] = [frame for frame in item.stack if frame.filename != OURS]
        todo += [item.__cause__, item.__context__]
        todo += getattr(item, "exceptions", None) or []
    return "".join(told.format() if told.stack else told.format_exception_only())
