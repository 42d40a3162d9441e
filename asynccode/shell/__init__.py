"""Persistent Bash sessions over three file descriptors.

    script.py    the text that runs at the sandbox's end: the keeper and the shell's boot lines
    framing.py   what goes over the control socket, as pure functions
    hub.py       one epoll for all sessions of a backend: one descriptor in the event loop
    streams.py   what a shell's steps write: two pipes, read up to a limit, watched if a step lasts
    wiring.py    the descriptors between us and a sandbox's two shells
    wire.py      what a slot speaks through: a control socket and two pipes
    inband.py    the same where there are only a process's standard streams
    bell.py      what whoever runs a step waits for
    custody.py   who looks after a shell: stops its steps, knows which limits they met
    slot.py      the host's end of one shell: request, output, stop, restart
    session.py   `Session` and `Sandbox.exec` on top of a slot
    errands.py   `Sandbox.exec` where a runner stands in for a shell
    channel.py   one stream of a program beside the shells, read when it is asked for
    program.py   `Program` on top of three channels, or of a terminal's

A backend that can pass six descriptors into a sandbox, three for each of two shells, gets sessions
and programs for free.
"""
