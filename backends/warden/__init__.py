"""The warden: a small helper process that holds all jails of one backend.

    client.py    our end: requests, replies, news of jails that ended
    server.py    the helper's loop: one socket, one wake-up for ended children
    worlds.py    what it answers about files: reading, writing, changes
    answers.py   what goes over its socket
    asides.py    answers that take their time
    stops.py     what it answers about processes: ending some, sparing others
    held.py      one nsjail as the warden holds it
    spawn.py     from a request to a running nsjail: private mounts, descriptors, exec
    launch.py    a program beside a jail's shells
    outpost.py   a jail's runner, where process 1 is an image's shell
    confine.py   what nsjail takes from a jail's processes, taken from those
    overlay.py   what a jail changed, read from its overlay's upper layer
    looking.py   a layer of an overlay, looked at while others write to it
    files.py     reading and writing files inside a jail
    cgroups.py   where limits on memory and processes come from, if anywhere
    syscalls.py  the few system calls Python has no name for

Why a process of its own? It lives in a mount namespace (for an ordinary user, in a user
namespace too) where every file system a jail needs is mounted out of the host's sight and
vanishes with it. Forking it is cheap, since it stays small. It gets a signal when we die and
every jail gets one when it dies, so nothing outlives us, even after SIGKILL. And our event
loop has one child to look after instead of thousands.

Everything but client.py is standard library only.
"""
