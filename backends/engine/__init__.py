"""Containers of an engine that speaks Docker's API: what Docker and Podman have in common.

attached.py  the streams of a process in a container, over a connection the engine gave up
api.py       what is asked of an engine; `docker.py` and `podman.py` answer it
addresses.py what is wrong with an engine's address, and the certificates for it
calls.py     calls of Docker's API: how long is waited, and errors in our own words
spec.py      what a container sees, what it may use, who it belongs to
images.py    bases imported, a committed image for each layer, named as nsjail's are
hands.py     counting and signalling a container's processes from the host
helper.py    the same from inside, where they cannot be reached from the host
ward.py      stopping steps and naming the limit that was met (`Custody`)
files.py     files and changes through the container's root and its upper layer
archived.py  the same through the engine's archives, where those cannot be reached
refusals.py  what is refused of files, in either way
container.py one container: made, reached into, removed
sandbox.py   what an episode has of one
executions.py a container whose process 1 is its image's shell: programs are the engine's execs
wires.py     shells beside a container's first
program.py   programs beside the shells
recycling.py making a container new again, and making sure that it is
state.py     the state of a container, as its host sees it
frost.py     holding a container still
backend.py   what opens them
examine.py   what `doctor` says
export.py    what an image holds, as a root file system
leftovers.py containers that dead owners left
"""
