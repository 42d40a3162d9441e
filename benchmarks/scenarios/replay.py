"""InterCode's recordings of fs_1, played again with the original's semantics."""

from __future__ import annotations

import os
from pathlib import Path

import anyio.to_thread

from asynccode.backends import debian, layers
from benchmarks import leftovers
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import ROOT, main

BASE = "debian-12-intercode"
TARGET, SAME_TARGET = 150.0, 99.0
SECONDS = 1200.0


async def measure(*, data: str = "", filesystem: int = 1, concurrency: int = 0) -> Result:
    """Replay at full concurrency, scored every turn, against the original's live run."""
    settings = {"filesystem": filesystem, "concurrency": concurrency or "default", "base": BASE}
    name = f"fs_{filesystem}"
    folder = find_data(data)
    file = folder / f"results/bash/ic_bash_multiturn_gpt-3.5_10_turns_{name}.json"
    reference = folder / f"reference/bash_gpt-3.5_10_turns_{name}.json"
    for path in (file, reference):
        if not path.exists():
            return Result(
                scenario="replay",
                settings=settings,
                skipped=f"there is no InterCode data with {path.name}: name its folder in"
                " $ASYNCCODE_DATA",
            )
    if not (layers.cache() / layers.base_name(BASE)).is_dir():
        able = "" if debian.can_build() else " as root on a machine with debootstrap or apt-get"
        return Result(
            scenario="replay",
            settings=settings,
            skipped=f"the base {BASE} is not built: asynccode images build {BASE}{able}",
        )
    words = ["replay", str(file), "--suite", f"intercode/nl2bash-{filesystem}"]
    words += ["--compat", "intercode", "--data", str(folder), "--reference", str(reference)]
    words += ["--json", *(["--concurrency", str(concurrency)] if concurrency else [])]
    ran = await anyio.to_thread.run_sync(lambda: leftovers.run(words, cwd=ROOT, timeout=SECONDS))
    answer = {key: value for key, value in ran.answer.items() if key != "differences"}
    if "turns" not in answer:
        raise RuntimeError(f"the replay said: {answer.get('error')}")
    return Result(
        scenario="replay",
        settings=settings,
        measures=[
            Measure(
                name="turns, each scored (the original: 2 to 4)",
                value=answer["turns_per_second"],
                unit="per second",
                target=TARGET,
                better="higher",
            ),
            Measure(
                name="same reward on stable turns",
                value=100 * answer["same_reward_stable"],
                unit="%",
                target=SAME_TARGET,
                better="higher",
            ),
            Measure(name="harness errors", value=answer["harness_errors"], unit="", target=0),
            Measure(name="left behind", value=len(ran.leftovers), unit="things", target=0),
        ],
        raw={**answer, "process_seconds": ran.seconds, "left": ran.leftovers[:20]},
    )


def find_data(named: str) -> Path:
    """Give the folder of data: the one named, `$ASYNCCODE_DATA`, or `../shared/intercode`."""
    return Path(named or os.environ.get("ASYNCCODE_DATA") or ROOT.parent / "shared/intercode")


if __name__ == "__main__":
    main(measure)
