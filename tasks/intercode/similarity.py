"""How alike two answers are: the cosine of their tf-idf vectors, in plain Python.

What `TfidfVectorizer()` of scikit-learn gives for the two texts (bash_env.py:125-136).
"""

from __future__ import annotations

import math
import re
from collections import Counter

_TOKEN = re.compile(r"(?u)\b\w\w+\b")
"""A word of two characters or more: one-character words do not count."""


def _vector(mine: Counter[str], other: Counter[str]) -> dict[str, float]:
    """Weigh each word by its count and its idf over two texts, ln(3 / (1 + df)) + 1."""
    weights = {
        word: count * (math.log(3 / (2 + (word in other))) + 1)
        for word, count in sorted(mine.items())
    }
    norm = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {word: weight / norm for word, weight in weights.items()}


def tfidf_cosine(a: str, b: str) -> float:
    """Give the cosine of two texts' tf-idf vectors, 0 to 1, lower-cased, order ignored.

    Where neither text has a word of two characters the texts are compared as they are:
    then it is 1 or 0 (bash_env.py:132-133).
    """
    words_a, words_b = (Counter(_TOKEN.findall(text.lower())) for text in (a, b))
    if not words_a and not words_b:
        return float(a == b)
    vector_a, vector_b = _vector(words_a, words_b), _vector(words_b, words_a)
    return sum(weight * vector_b[word] for word, weight in vector_a.items() if word in vector_b)


def answer_similarity(agent: str | None, gold: str | None) -> float:
    """Compare the agent's answer with gold's, either of which may be missing.

    A missing answer cannot be turned into words, so equality decides (bash_env.py:132-133).
    """
    if agent is None or gold is None:
        return float(agent == gold)
    return tfidf_cosine(agent, gold)
