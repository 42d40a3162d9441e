"""`asynccode run bash --policy gold`, as a user runs it: all solved, nothing left behind."""

from __future__ import annotations

import anyio.to_thread

from benchmarks import leftovers
from benchmarks.measures import Measure, Result
from benchmarks.scenarios import ROOT, main

SECONDS = 1500.0


async def measure(
    *, attempts: int = 50, concurrency: int = 256, suite: str = "bash", backend: str = "nsjail"
) -> Result:
    """Run the command in a process of its own and look at what it leaves."""
    words = ["run", suite, "--policy", "gold", "--attempts", str(attempts)]
    words += ["--concurrency", str(concurrency), "--backend", backend, "--json"]
    ran = await anyio.to_thread.run_sync(lambda: leftovers.run(words, cwd=ROOT, timeout=SECONDS))
    answer = ran.answer
    if "episodes" not in answer:
        raise RuntimeError(f"the run said: {answer.get('error')}")
    return Result(
        scenario="rollout",
        settings={"command": " ".join(["asynccode", *words])},
        measures=[
            Measure(
                name=f"episodes solved, of {answer['episodes']}",
                value=answer["solved"],
                unit="",
                target=answer["episodes"],
                better="higher",
            ),
            Measure(name="harness errors", value=answer["harness_errors"], unit="", target=0),
            Measure(name="left behind", value=len(ran.leftovers), unit="things", target=0),
            Measure(
                name="episodes",
                value=answer["episodes_per_second"],
                unit="per second",
                better="higher",
            ),
            Measure(name="at once at most", value=answer["peak_concurrency"], unit="episodes"),
        ],
        raw={**answer, "process_seconds": ran.seconds, "left": ran.leftovers[:20]},
    )


if __name__ == "__main__":
    main(measure)
