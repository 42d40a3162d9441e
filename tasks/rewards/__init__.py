"""Rewards of our own: fair, explained, and the same on every backend.

    comparers   outputs: exact, normalised, lines, numeric, tfidf, none
    state       changes on disk
    scoring     both together: the reward and its parts
    gold        what gold comes to, found out once per task in a world of its own

InterCode's reward, to the letter, lives with the rest of InterCode.
"""

from asynccode.tasks.rewards.comparers import COMPARERS, Comparer, comparer
from asynccode.tasks.rewards.gold import GoldEffects
from asynccode.tasks.rewards.scoring import Effect, score
from asynccode.tasks.rewards.state import relevant, state_score

__all__ = [
    "COMPARERS",
    "Comparer",
    "Effect",
    "GoldEffects",
    "comparer",
    "relevant",
    "score",
    "state_score",
]
