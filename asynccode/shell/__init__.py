"""Persistent Bash sessions over three file descriptors.

    script.py    the text that runs at the sandbox's end: the keeper and the shell's boot lines
    framing.py   what goes over the control socket, as pure functions
    hub.py       one epoll for all sessions of a backend: one descriptor in the event loop
    streams.py   what a shell's steps write: two pipes, read as it comes, up to a limit
    wire.py      what a slot speaks through: a control socket and two pipes
    bell.py      what whoever runs a step waits for
    custody.py   who looks after a shell: stops its steps, knows which limits they met
    slot.py      the host's end of one shell: request, output, stop, restart
    session.py   `Session` and `Sandbox.exec` on top of a slot
    errands.py   `Sandbox.exec` where a runner stands in for a shell
    channel.py   one stream of a program beside the shells, read when it is asked for
    program.py   `Program` on top of three channels, or of a terminal's

A backend that can pass three descriptors into a sandbox gets sessions for free.
"""
