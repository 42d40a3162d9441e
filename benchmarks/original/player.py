"""Plays episodes in the original's BashEnv. Run by the Python of `environment`, not by ours.

Reads one JSON object: `archive` (a root file system), `image` (what to call it), `labels` of its
containers, `data` (the tasks) and `episodes` ([[number, [action, ...]], ...]). Writes one: times
in seconds, and for each episode its rewards; None where the original's own code fails.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from time import perf_counter
from typing import Any

import docker
from intercode.envs import BashEnv
from intercode.envs.bash import bash_env


def main() -> None:
    """Play, and leave nothing in the engine."""
    order = json.load(sys.stdin)
    client = docker.from_env(timeout=600)
    labels = [f"LABEL {name}={json.dumps(value)}" for name, value in order["labels"].items()]
    client.api.import_image_from_file(
        order["archive"],
        repository=order["image"],
        tag="latest",
        changes=['CMD ["/bin/bash"]', 'ENV PATH="/usr/sbin:/usr/bin:/sbin:/bin"', *labels],
    )
    # The package knows its shells by the names of its own images, which a user may have.
    bash_env.IMAGE_TO_SETTINGS[order["image"]] = "/bin/bash"
    try:
        answer = play(BashEnv(order["image"], data_path=order["data"]), order["episodes"])
    finally:
        for name in ("ic_ctr", "ic_ctr_eval"):
            with suppress(docker.errors.NotFound):
                client.containers.get(f"{order['image']}_{name}").remove(force=True)
        with suppress(docker.errors.NotFound):
            client.images.remove(order["image"], force=True)
    json.dump(answer, sys.stdout)


def play(environment: BashEnv, episodes: list[tuple[int, list[str]]]) -> dict[str, Any]:
    """Play as the original's harness did: one episode after the other, every turn scored."""
    times: dict[str, list[float]] = {"reset": [], "step": [], "reward": []}
    rewards: list[list[float | None]] = []

    def timed(kind: str, function: Any, *arguments: Any) -> Any:
        began = perf_counter()
        value = function(*arguments)
        times[kind].append(perf_counter() - began)
        return value

    began = perf_counter()
    for number, actions in episodes:
        timed("reset", environment.reset, number)
        came: list[float | None] = []
        rewards.append(came)
        try:
            for action in actions:
                timed("step", environment.step, action)
                came.append(float(timed("reward", environment.step, "submit")[1]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the original would have ended
            print(f"{number}: {type(error).__name__}: {error}", file=sys.stderr)
            came.append(None)
    return {"times": times, "rewards": rewards, "seconds": perf_counter() - began}


if __name__ == "__main__":
    main()
