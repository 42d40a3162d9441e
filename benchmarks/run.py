"""Run scenarios, each in a process of its own, keep the results and print the table.

    python -m benchmarks.run [SCENARIO...] [-o NAME=VALUE...] [--no-save]

An option goes to the scenarios that know it: `-o rounds=2`. One that fails stops no other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import evolve

from benchmarks import results
from benchmarks.machine import processor_time
from benchmarks.measures import Result
from benchmarks.scenarios import SCENARIOS, options_of

ROOT = Path(__file__).parent.parent
TIMEOUT = 1800.0


def run_one(name: str, options: Mapping[str, str]) -> Result:
    """Run one scenario; whatever becomes of it, there is a result."""
    known = options_of(name)
    words = [f"--{key}={value}" for key, value in options.items() if key in known]
    command = [sys.executable, "-m", f"benchmarks.scenarios.{name}", *words]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False
        )
        return Result.load(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return Result(scenario=name, error=f"it did not end within {TIMEOUT:g} s")
    except (ValueError, KeyError, TypeError):
        return Result(scenario=name, error=f"its process ended with {done.returncode}")


def run_all(names: Sequence[str], options: Mapping[str, str]) -> Iterator[Result]:
    """Run scenarios one after the other, and tell on standard error which."""
    for name in names:
        print(f"{name}: {SCENARIOS[name]}", file=sys.stderr, flush=True)
        before = processor_time()
        result = run_one(name, options)
        after = processor_time()
        stolen = 100 * (after.stolen - before.stolen) / (after.all - before.all)
        print(f"{name}: {stolen:.0f} % of the processors was stolen", file=sys.stderr, flush=True)
        yield evolve(result, raw={**result.raw, "stolen_percent": stolen})


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 1 if one failed or missed a target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("-o", "--option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--no-save", action="store_true", help="keep no file in results/")
    args = parser.parse_args(argv)
    for name in args.scenarios:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario {name!r}: there are {', '.join(SCENARIOS)}")
    options = dict(word.split("=", 1) for word in args.option if "=" in word)
    found = list(run_all(args.scenarios or list(SCENARIOS), options))
    if not args.no_save:
        name = "some" if args.scenarios else "all"
        name = args.scenarios[0] if len(args.scenarios) == 1 else name
        path = results.write(results.document(found), name)
        print(f"Kept as {path.relative_to(ROOT)}.", file=sys.stderr)
    print(results.table(found))
    return 0 if all(result.ok for result in found) else 1


if __name__ == "__main__":
    sys.exit(main())
