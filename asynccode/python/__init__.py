"""Persistent Python sessions over a program that is spoken to while it runs.

    inside/      what runs in the sandbox: a keeper with the worker it forks, what errors say;
                 what stops a step
    framing.py   what goes over the channel, as pure functions
    wire.py      one interpreter: started, sent a step, heard, stopped
    alarm.py     a time-out that costs little while it is not met
    session.py   `Session` on top of it

Any sandbox that can start `python3` (3.7 or later) gets sessions; nothing is installed in it.
"""

from asynccode.python.session import PythonSession, open_python

__all__ = ["PythonSession", "open_python"]
