"""The figures that InterCode's authors printed, to be set beside what files give.

From the paper (Yang et al. 2023, arXiv 2306.14898: success by hardness and by file system,
and prompting strategies) and from the benchmark's page (with the schema, CTF). All in per
cent but turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from asynccode.results.attempts import Batch
from asynccode.results.published import Published

MODELS = {
    "gpt-3.5": "gpt-3.5-turbo",
    "vicuna": "vicuna-13B",
    "starchat": "starchat-16B",
}
"""Names of models in the paper, by those in the files."""

HARDNESS = ("easy", "medium", "hard", "extra", "all")
FILESYSTEMS = ("1", "2", "3", "4", "all")
SPIDER, NL2BASH, CTF = "intercode/spider", "intercode/nl2bash", "intercode/ctf"
SIZES: Mapping[str, Mapping[str, int]] = {
    SPIDER: {"easy": 248, "medium": 446, "hard": 174, "extra": 166, "all": 1034},
    NL2BASH: {"1": 60, "2": 53, "3": 60, "4": 27, "all": 200},
    CTF: {"all": 100},
}
"""Tasks in each group."""

Row = Sequence[float]

SPIDER_SINGLE: Mapping[str, Row] = {
    "text-davinci-003": (20.6, 4.9, 1.7, 0.0, 7.4),
    "gpt-3.5-turbo": (22.6, 8.3, 5.7, 3.6, 10.5),
    "gpt-4": (19.8, 7.2, 4.6, 3.0, 9.1),
    "text-bison-001": (23.8, 11.0, 5.7, 0.6, 11.5),
    "chat-bison-001": (18.5, 6.5, 4.0, 0.0, 7.9),
    "vicuna-13B": (8.1, 1.3, 0.6, 0.0, 2.6),
    "starchat-16B": (21.8, 7.4, 2.9, 0.0, 8.9),
}
SPIDER_TRY_AGAIN: Mapping[str, Row] = {
    "text-davinci-003": (32.4, 14.6, 5.2, 4.2, 15.6),
    "gpt-3.5-turbo": (72.6, 44.4, 43.7, 21.1, 47.3),
    "gpt-4": (87.5, 76.7, 66.7, 52.4, 73.7),
    "text-bison-001": (27.0, 12.3, 5.7, 0.6, 12.9),
    "chat-bison-001": (22.2, 7.8, 6.9, 0.0, 9.9),
    "vicuna-13B": (19.0, 3.4, 1.7, 0.0, 6.3),
    "starchat-16B": (22.2, 8.5, 2.9, 1.2, 9.7),
}
SCHEMA_SINGLE: Mapping[str, Row] = {"gpt-3.5-turbo": (91.9, 72.9, 66.7, 42.8, 71.6)}
SCHEMA_TRY_AGAIN: Mapping[str, Row] = {"gpt-3.5-turbo": (92.7, 74.9, 67.2, 43.4, 72.8)}
SCHEMA_ALL = {"text-bison-001": 63.9, "chat-bison-001": 54.9}
BASH_SINGLE: Mapping[str, Row] = {
    "text-davinci-003": (10.0, 32.1, 28.8, 33.3, 24.6),
    "gpt-3.5-turbo": (30.0, 39.6, 33.3, 37.0, 34.5),
    "gpt-4": (25.0, 37.7, 36.7, 40.7, 34.0),
    "text-bison-001": (15.0, 22.6, 11.7, 22.2, 17.0),
    "chat-bison-001": (12.1, 22.6, 16.7, 22.2, 17.7),
    "vicuna-13B": (10.0, 24.5, 18.3, 7.4, 16.0),
    "starchat-16B": (15.5, 22.6, 13.3, 22.2, 17.7),
}
BASH_TRY_AGAIN: Mapping[str, Row] = {
    "text-davinci-003": (30.0, 52.8, 32.2, 44.4, 38.7),
    "gpt-3.5-turbo": (45.0, 49.1, 45.0, 48.1, 46.5),
    "gpt-4": (41.7, 47.2, 51.7, 59.3, 48.5),
    "text-bison-001": (23.3, 28.3, 16.7, 22.2, 22.5),
    "chat-bison-001": (13.8, 24.5, 18.3, 22.2, 19.2),
    "vicuna-13B": (15.0, 35.8, 25.0, 22.2, 24.5),
    "starchat-16B": (17.2, 30.2, 21.7, 29.6, 23.7),
}
STRATEGIES: Mapping[tuple[str, str], tuple[float, float | None, float | None]] = {
    (SPIDER, "try-again"): (47.3, 7.25, 46.4),
    (SPIDER, "react"): (58.7, 5.30, 6.9),
    (SPIDER, "plan-and-solve"): (49.1, 4.29, 16.2),
    (NL2BASH, "try-again"): (46.5, None, None),
    (NL2BASH, "react"): (20.5, 4.40, 20.4),
    (NL2BASH, "plan-and-solve"): (28.0, 6.65, 53.3),
}
"""Success, turns and error of gpt-3.5."""
CTF_GPT_4 = 37.0


def published(batch: Batch) -> Iterator[Published]:
    """Give the printed figures that an experiment with such a batch is to be held against."""
    model = MODELS.get(batch.model, batch.model)
    family, strategy = batch.family, batch.strategy or ""
    if family == SPIDER:
        yield from _spider(model, strategy, batch.schema)
    elif family == NL2BASH and strategy == "try-again":
        yield from _row("first_success", "filesystem", NL2BASH, BASH_SINGLE.get(model))
        yield from _row("success", "filesystem", NL2BASH, BASH_TRY_AGAIN.get(model))
    elif family == CTF and model == "gpt-4":
        # 37 solved of 100: the tasks that could not be set up were counted too.
        yield Published(measure="solved", value=CTF_GPT_4, digits=1, tasks=SIZES[CTF]["all"])
    if model == "gpt-3.5-turbo" and not batch.schema:
        success, turns, error = STRATEGIES.get((family, strategy), (None, None, None))
        if success is not None and strategy != "try-again":
            yield _whole(family, "success", success, 1)
        if turns is not None:
            yield _whole(family, "turns", turns, 2)
        if error is not None:
            yield _whole(family, "error", error, 1)


def _spider(model: str, strategy: str, schema: bool) -> Iterator[Published]:
    if strategy == "single-turn":
        table = SCHEMA_SINGLE if schema else SPIDER_SINGLE
        yield from _row("success", "difficulty", SPIDER, table.get(model))
    elif strategy == "try-again" and schema:
        yield from _row("success", "difficulty", SPIDER, SCHEMA_TRY_AGAIN.get(model))
        if model in SCHEMA_ALL:
            yield _whole(SPIDER, "success", SCHEMA_ALL[model], 1)
    elif strategy == "try-again":
        yield from _row("success", "difficulty", SPIDER, SPIDER_TRY_AGAIN.get(model))
        if not model.startswith("gpt"):  # whose single turns are files of their own
            yield from _row("first_success", "difficulty", SPIDER, SPIDER_SINGLE.get(model))


def _row(measure: str, label: str, family: str, values: Row | None) -> Iterator[Published]:
    names = HARDNESS if label == "difficulty" else FILESYSTEMS
    for name, value in zip(names, values or (), strict=False):
        yield Published(
            measure=measure,
            label=None if name == "all" else label,
            group=name,
            value=value,
            digits=1,
            tasks=SIZES[family][name],
        )


def _whole(family: str, measure: str, value: float, digits: int) -> Published:
    return Published(measure=measure, value=value, digits=digits, tasks=SIZES[family]["all"])
