"""Containerfiles: what an image starts from, described as engines describe it.

    reading     a Containerfile as an `Image`
    copying     what COPY puts into it
    words       quotes and variables
    lines       a file as instructions
    named       our own, by name; what is a Containerfile and what is not

A part of what engines understand, which says the same on every backend: one FROM, RUN, COPY of
what stands beside the file, ENV, WORKDIR. `docker build` and `podman build` take such a file as
it stands.
"""

from asynccode.containerfile.named import NAMED, find
from asynccode.containerfile.reading import read

__all__ = ["NAMED", "find", "read"]
