"""InterCode's capture the flag, `intercode/ctf`, from data that the user has.

loader.py    tasks, and the files of each, from a clone or a folder laid out like one
audit.py     what the data tells of a task: network, leaks, wrong golds, what is missing
suite.py     the tasks with our semantics: a persistent shell, limited guesses
compat.py    the tasks with the original's semantics, and its recorded episodes
"""
