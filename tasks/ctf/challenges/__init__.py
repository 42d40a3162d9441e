"""The challenges, one file per category."""

from __future__ import annotations

from asynccode.tasks.ctf.challenges import binary, crypto, forensics, general, reversing, web

CHALLENGES = (
    *general.CHALLENGES,
    *reversing.CHALLENGES,
    *crypto.CHALLENGES,
    *forensics.CHALLENGES,
    *binary.CHALLENGES,
    *web.CHALLENGES,
)
"""All of them, in the order of the suite."""
