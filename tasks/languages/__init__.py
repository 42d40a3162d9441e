"""Languages by description: a short YAML file makes a judge and a session of any language.

*.yaml           one language a file: what it is called, how it is compiled and run
description.py   reading those
judge.py         programs against pairs of input and output
session.py       every step a whole program, or a line for the language's own prompt
"""

from asynccode.tasks.languages.description import Example, Language, languages, load, read
from asynccode.tasks.languages.judge import Case, CaseResult, Judge, Verdict
from asynccode.tasks.languages.session import ProgramSession, PromptSession

__all__ = [
    "Case",
    "CaseResult",
    "Example",
    "Judge",
    "Language",
    "ProgramSession",
    "PromptSession",
    "Verdict",
    "languages",
    "load",
    "read",
]
