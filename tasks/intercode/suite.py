"""nl2bash as a suite with the original's semantics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from attrs import evolve

from asynccode.interfaces import Suite, Worlds
from asynccode.outcomes import Limits, MiB
from asynccode.records import Task
from asynccode.tasks.intercode.environment import CompatBashEnvironment
from asynccode.tasks.intercode.golds import Golds
from asynccode.tasks.intercode.images import reborn
from asynccode.tasks.intercode.quoting import SECONDS
from asynccode.tasks.intercode.recorded import RecordedEpisode

LIMITS = Limits(step_seconds=SECONDS, processes=256, disk_bytes=512 * MiB, output_bytes=8 * MiB)
"""The original limits time alone; these are wide enough to change no recorded episode."""


class CompatSuite(Suite):
    """One nl2bash data set; what gold gives is found out once and kept here."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        name: str,
        limits: Limits = LIMITS,
        score_every_turn: bool = False,
        young: bool = False,
    ) -> None:
        """Take tasks that `loader.load` made; the rest is explained in the environment."""
        self.name = name
        self.tasks = tuple(tasks)
        self.limits = limits
        self.score_every_turn = score_every_turn
        self.young = young
        self.golds = Golds(limits, young=young)

    def reborn(self, born: int) -> CompatSuite:
        """Give the suite on images whose files are from the time `born`, built for it."""
        images = {
            id(task.image): reborn(task.image, task.metadata["filesystem"], born)
            for task in self.tasks
        }
        tasks = [evolve(task, image=images[id(task.image)]) for task in self.tasks]
        return CompatSuite(
            tasks,
            name=self.name,
            limits=self.limits,
            score_every_turn=self.score_every_turn,
            young=True,
        )

    def environment(self, task: Task, worlds: Worlds) -> CompatBashEnvironment:
        """Give a fresh environment for `task`."""
        return CompatBashEnvironment(
            task,
            worlds,
            limits=self.limits,
            golds=self.golds,
            score_every_turn=self.score_every_turn,
            young=self.young,
        )

    def rehearsal(
        self, task: Task, worlds: Worlds, episode: RecordedEpisode, *, scored: bool
    ) -> CompatBashEnvironment:
        """Give an environment that does what the harness of a recorded episode did."""
        environment = self.environment(task, worlds)
        environment.score_every_turn = scored
        return environment

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the mode and of all tasks."""
        images = {id(task.image): task.image for task in self.tasks}
        digests = {key: image.digest for key, image in images.items()}
        rows = [[t.id, t.query, t.gold, digests[id(t.image)]] for t in self.tasks]
        text = json.dumps(["intercode-1.0.2", self.score_every_turn, rows])
        return hashlib.sha256(text.encode()).hexdigest()
