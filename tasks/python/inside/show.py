# Runs in the verifier's sandbox, on Python 3.7 or later, before anything that was submitted.
# Puts values into words that are plain data to the host. Nothing here is secret or trusted:
# whoever changes it can only give another value, which the host then compares.
import json
import subprocess
import sys

MARK = ""
PLAIN = (
    ("datetime", "datetime"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
)
VIEWS = type({}.keys()), type({}.items())


def words(value):
    kind = type(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, int):
        return {"int": "%x" % int.__index__(value)}
    if isinstance(value, float):
        return {"float": float.hex(value)}
    if isinstance(value, complex):
        return {"complex": [float.hex(value.real), float.hex(value.imag)]}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    for known, name in ((list, "list"), (tuple, "tuple")):
        if isinstance(value, known):
            return {name: [words(item) for item in known.__iter__(value)]}
    if isinstance(value, (set, frozenset) + VIEWS):
        return {"set": [words(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[words(k), words(v)] for k, v in dict.items(value)]}
    if kind is range:
        return {"range": ["%x" % n for n in (value.start, value.stop, value.step)]}
    if kind.__module__ == "array":
        return {"array": [value.typecode, [words(item) for item in value]]}
    if (kind.__module__, kind.__name__) in PLAIN:
        return {kind.__name__: repr(value)}
    return {"other": "%s.%s" % (kind.__module__, kind.__qualname__)}


def show(value):
    try:
        text = json.dumps(words(value))
    except RecursionError:
        text = json.dumps({"other": "something endless"})
    sys.__stdout__.write("\n%s%s\n" % (MARK, text))


def run(script, *arguments, stdin=""):
    """Run a Python program as a test may: gives its exit status and its output."""
    done = subprocess.run(
        [sys.executable, script, *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.returncode, done.stdout
