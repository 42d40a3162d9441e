"""InterCode's recordings of fs_1, played again with the original's semantics.

The original stops a command after 10 s and says so; nine turns of fs_1 are such, eight of them
in one episode, which nothing can make faster than 80 s. The rate is therefore taken over the
episodes without a time-out, and all of them are played once more for the rewards.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attrs import evolve

from asynccode import registry
from asynccode.admission import Admission
from asynccode.backends import debian, layers
from asynccode.backends.nsjail import NsjailBackend
from asynccode.pool import Pool
from asynccode.tasks.intercode.recordings import Recording, read_recording, read_reference
from asynccode.tasks.intercode.replay import replay
from asynccode.tasks.intercode.suite import CompatSuite
from benchmarks.leftovers import control_groups, orphans
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import ROOT, main

BASE = "debian-12-intercode"
TIMED_OUT = "Command timed out"
TARGET, SAME_TARGET = 150.0, 99.0


async def measure(*, data: str = "", filesystem: int = 1, concurrency: int = 0) -> Result:
    """Replay at full concurrency, scored every turn, against the original's live run."""
    settings = {"filesystem": filesystem, "concurrency": concurrency or "default", "base": BASE}
    name = f"fs_{filesystem}"
    folder = find_data(data)
    file = folder / f"results/bash/ic_bash_multiturn_gpt-3.5_10_turns_{name}.json"
    answers = folder / f"reference/bash_gpt-3.5_10_turns_{name}.json"
    if reason := missing(file, answers):
        return Result(scenario="replay", settings=settings, skipped=reason)
    recording, reference = read_recording(file), read_reference(answers)
    slow = {
        task
        for task, episode in reference.items()
        if any(TIMED_OUT in (turn.observation or "") for turn in episode.turns)
    }
    quick = evolve(recording, episodes=[e for e in recording.episodes if e.task_id not in slow])
    suite = registry.load_suite(f"intercode/nl2bash-{filesystem}", data=folder, compat="intercode")
    assert isinstance(suite, CompatSuite)

    async def play(which: Recording) -> dict[str, Any]:
        async with NsjailBackend() as backend:
            admission = Admission(concurrency or None)
            async with Pool(backend, admission) as pool:
                found = await replay(
                    which,
                    suite,
                    pool,
                    reference=reference,
                    concurrency=admission.concurrency,
                    shown=3,
                )
        return {key: value for key, value in found.items() if key != "differences"}

    rated, whole = await play(quick), await play(recording)
    left = [*orphans(), *control_groups(os.getpid())]
    return Result(
        scenario="replay",
        settings={**settings, "episodes_with_time_outs": sorted(slow)},
        measures=[
            Measure(
                name="turns, each scored, no 10 s time-outs (the original: 2 to 4)",
                value=rated["turns_per_second"],
                unit="per second",
                target=TARGET,
                better="higher",
            ),
            Measure(
                name=f"turns, with {len(slow)} episodes that wait for time-outs",
                value=whole["turns_per_second"],
                unit="per second",
                better="higher",
            ),
            Measure(
                name="same reward on stable turns, of all",
                value=100 * whole["same_reward_stable"],
                unit="%",
                target=SAME_TARGET,
                better="higher",
            ),
            Measure(
                name="harness errors",
                value=rated["harness_errors"] + whole["harness_errors"],
                unit="episodes",
                target=0,
            ),
            Measure(name="left behind", value=len(left), unit="things", target=0),
        ],
        raw={"without_time_outs": rated, "all": whole, "left": left[:20]},
    )


def missing(*files: Path) -> str | None:
    """Say why it cannot be measured here, and what would mend that."""
    for path in files:
        if not path.exists():
            return (
                f"there is no InterCode data with {path.name}: name its folder in $ASYNCCODE_DATA"
            )
    if not layers.is_built(BASE):
        how = "" if debian.can_build() else ", as root where there is debootstrap or apt-get"
        return f"the base {BASE} is not built: asynccode images build {BASE}{how}"
    return None


def find_data(named: str) -> Path:
    """Give the folder of data: the one named, `$ASYNCCODE_DATA`, or `../shared/intercode`."""
    return Path(named or os.environ.get("ASYNCCODE_DATA") or ROOT.parent / "shared/intercode")


if __name__ == "__main__":
    main(measure)
