"""Tasks in Python: an interpreter that lives through an episode, scored by tests out of reach.

tests.py         what a test is: statements, and values that must be equal
values.py        values that come from untrusted code, read as plain data
inside/          the text that puts values into words, in the verifier's sandbox
submission.py    what an agent hands in: the code of its steps, or files
verifier.py      runs tests against a submission in a sandbox of their own
told.py          what an agent is told of the tests
environment.py   the environment
suite.py         the suite, and the loader of our own tasks
apps.py          programs judged by what they write, in the form of APPS
"""
