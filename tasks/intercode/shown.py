"""Whether what is seen now is what a recording says was seen."""

from __future__ import annotations

import re

from asynccode.tasks.intercode.recorded import CUT, RecordedEpisode

ROWS = 25
"""Where ReAct cut a result of SQL, in rows, before it cut its text."""
_BYTES = re.compile(r"(?<=[(, ])b(?='[^']*'[,)])")


def shows(seen: str, recorded: str, episode: RecordedEpisode) -> bool:
    """Compare two observations as far as the recording keeps them.

    ReAct cut at `CUT` characters. Of SQL, MySQL's client in C gave the types of DESCRIBE as
    bytes, a person's rows were written one after the other, and ReAct cut at `ROWS` rows too.
    """
    if not episode.is_sql:
        return (seen[:CUT] if episode.cut else seen) == recorded
    recorded = _BYTES.sub("", recorded)
    if seen == recorded:
        return True
    if not episode.cut:
        return not episode.scored_every_turn and _joined(seen) == recorded
    if len(recorded) < CUT - len("b" * ROWS) and recorded.count("), (") == ROWS - 1:
        return seen.startswith(recorded[:-1] + ", (")
    return len(recorded) >= CUT - ROWS and seen.startswith(recorded)


def _joined(seen: str) -> str:
    """Give rows without what Python puts between them."""
    return seen[1:-1].replace("), (", ")(") if seen.startswith("[") else seen
