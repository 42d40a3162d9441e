"""InterCode's tasks, with its own semantics to the letter or with ours.

quoting.py      what is executed for an action, and the texts of what cannot be
similarity.py   how alike two answers are: tf-idf and cosine
reward.py       the reward of IC-Bash, from two sandboxes' `git status` and answers
world.py        a sandbox seen as the original sees a container
golds.py        what gold gives, found out once per task
environment.py  the environment: one exec an action, scored against gold's own sandbox
images.py       what sandboxes start from
loader.py       the suites, from a clone of the original or a folder laid out like it
suite.py        the suite with the original's semantics
recorded.py     what recorded results are read into, and what their names tell
recordings.py   reads recorded results of every kind, and reference files
attempts.py     recorded results as tables and pages take them
paper.py        the figures that its authors printed
export.py       writes run folders as the original's result files
replay.py       plays recorded episodes again and compares
ctf/            capture the flag
"""
