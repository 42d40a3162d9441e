"""Capture the flag: a suite of our own, and the environment that others are played in too.

challenge.py    what a challenge is, and the scene it makes around a flag
flags.py        flags that differ from attempt to attempt, and the forms they could leak in
scene.py        puts a scene's files, service and set-up into a sandbox
environment.py  a Bash session, and a flag that is checked outside
suite.py        the suite `ctf`, and its loader
audit.py        whether a flag can be read at the start without solving anything
challenges/     the challenges, one file per category
"""
