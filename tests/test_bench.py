"""The pure parts of the benchmarks, and the command. Nothing here is timed."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asynccode.cli import bench, main
from benchmarks import leftovers, limits, plot, results, run
from benchmarks.machine import available_memory, machine, versions
from benchmarks.measures import Measure, Result, percentile, spread, waits
from benchmarks.original.environment import NotInstalledError, interpreter
from benchmarks.scenarios import SCENARIOS, options_of

GOOD = Measure(name="cold", value=4.0, limit=2.0, target=2.5)
BAD = Measure(name="rate", value=40.0, unit="per second", target=150, better="higher")
FREE = Measure(name="just so", value=7.0)
FOUND = [
    Result(scenario="one", measures=[GOOD, FREE], settings={"rounds": 2}, raw={"ms": [1.5]}),
    Result(scenario="two", measures=[BAD]),
    Result(scenario="three", skipped="there is no data: fetch it"),
    Result(scenario="four", error="it broke"),
]
WHEN = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_a_target_bounds_the_ratio_where_there_is_a_limit_and_else_the_value() -> None:
    assert GOOD.ratio == 2.0
    assert GOOD.reached is True
    assert Measure(name="cold", value=6.0, limit=2.0, target=2.5).reached is False
    assert Measure(name="warm", value=0.3, target=0.3).reached is True
    assert BAD.ratio is None
    assert BAD.reached is False
    assert FREE.reached is None
    assert Measure(name="left behind", value=1, target=0).reached is False


def test_a_result_is_well_unless_it_broke_or_missed() -> None:
    assert [result.ok for result in FOUND] == [True, False, True, False]


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.9) == 90
    assert percentile(values, 0.99) == 99
    assert percentile([5.0], 0.5) == 5.0
    assert spread([3.0, 1.0, 2.0]) == {
        "best": 1.0,
        "median": 2.0,
        "p90": 3.0,
        "p99": 3.0,
        "count": 3,
    }


def test_a_loop_that_was_busy_kept_every_event_of_that_time_waiting() -> None:
    assert waits([0.0, 1.0, 2.0], 1.0) == [0.0, 0.0]
    assert waits([0.0, 1.0, 5.5], 1.0) == [0.0, 3.5, 2.5, 1.5, 0.5]


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    path = results.write(results.document(FOUND, WHEN), "all", tmp_path)
    assert path.name == "2025-02-03-all.json"
    made, back = results.read(path)
    assert back == FOUND
    assert made["results"][0]["measures"][0]["ratio"] == 2.0
    assert made["results"][1]["measures"][0]["reached"] is False


def test_the_newest_file_is_one_with_everything_if_there_is_one(tmp_path: Path) -> None:
    assert results.newest(tmp_path) is None
    later = results.document(FOUND[:1], WHEN.replace(day=9))
    partial = results.write(later, "one", tmp_path)
    assert results.newest(tmp_path) == partial
    results.write(results.document(FOUND, WHEN), "all", tmp_path)
    whole = results.write(results.document(FOUND, WHEN.replace(day=4)), "all", tmp_path)
    assert results.newest(tmp_path) == whole


def test_the_machine_is_described_without_its_name() -> None:
    described = json.dumps([machine(), versions()])
    assert machine()["cores"] >= 1
    assert versions()["bash"]
    assert available_memory() > 0
    assert str(Path.home()) not in described
    node = Path("/proc/sys/kernel/hostname").read_text(encoding="utf-8").strip()
    assert f'"{node}"' not in described


def test_the_table_says_what_was_reached_and_what_was_not_measured() -> None:
    lines = results.table(FOUND).splitlines()
    assert lines[0].split() == ["scenario", "what", "ours", "limit", "ratio", "target"]
    assert " ".join(lines[1].split()) == "one cold 4 ms 2 ms 2.00 x at most 2.5 x reached"
    assert lines[2].split() == ["just", "so", "7", "ms"]
    assert lines[3].endswith("at least 150 per second  MISSED")
    assert lines[4] == "three     skipped: there is no data: fetch it"
    assert lines[5].endswith("failed: it broke")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3900, "3900"), (0.123456, "0.123"), (12.345, "12.3"), (51667.4, "51,667")],
)
def test_figures_are_brief(value: float, text: str) -> None:
    assert results.number(value) == text


def test_every_scenario_can_be_loaded_and_tells_its_options() -> None:
    for name in SCENARIOS:
        assert options_of(name), name
    files = {path.stem for path in (Path(run.__file__).parent / "scenarios").glob("*.py")}
    assert files - {"__init__"} == set(SCENARIOS)


def test_a_scenario_runs_in_a_process_of_its_own() -> None:
    result = run.run_one("engine", {"episodes": "4", "steps": "3", "unknown": "1"})
    assert result.error is None
    assert result.settings == {"episodes": 4, "steps": 3, "concurrency": 256}
    assert result.raw["steps"] == 12


def test_what_cannot_be_installed_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(NotInstalledError, match=r"pip cannot install intercode-bench==\d"):
        interpreter()


def test_the_original_is_left_out_with_a_reason_where_there_is_no_data(tmp_path: Path) -> None:
    result = run.run_one("original", {"data": str(tmp_path)})
    assert result.error is None
    assert "there is no InterCode data with" in (result.skipped or "")


def test_a_scenario_that_dies_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCENARIOS, "ghost", "is not there")
    monkeypatch.setattr(run, "options_of", lambda name: {})
    result = run.run_one("ghost", {})
    assert result.error == "its process ended with 1"


BARS = ["a<b", "the original, nl2bash", "0.25 episodes/s", "nsjail, 64 at once, nl2bash", "0.1"]


def test_pictures_are_well_formed_and_say_when_and_where(tmp_path: Path) -> None:
    rates = [
        Measure(name=f"{name}: episodes", value=rate, unit="per second", better="higher")
        for name, rate in (("local", 40.0), ("a<b", 30.0))
    ]
    original = [
        Measure(name=f"{name}: episodes", value=rate, unit="per second", better="higher")
        for name, rate in (("original", 0.25), ("nsjail, 64 at once", 6.0))
    ]
    found = [
        *FOUND,
        Result(scenario="backends", measures=rates),
        Result(scenario="original", measures=original),
    ]
    path = results.write(results.document(found, WHEN), "all", tmp_path)
    assert plot.main([str(path)]) == 0
    for name, words in (("targets.svg", ["one: 4 ms", "2.00 x"]), ("backends.svg", BARS)):
        root = ET.fromstring((tmp_path / name).read_text())
        said = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
        assert any(text.startswith("2025-02-03, ") for text in said)
        for word in words:
            assert any(word in text for text in said), word


def test_how_much_of_a_target_is_used() -> None:
    assert plot.burden(GOOD) == pytest.approx(0.8)
    assert plot.burden(BAD) == pytest.approx(3.75)
    assert plot.burden(FREE) is None
    assert plot.burden(Measure(name="left", value=0, unit="things", target=0)) is None


def test_the_limits_are_measured_in_c_where_there_is_a_compiler(tmp_path: Path) -> None:
    program = limits.compiled(tmp_path)
    if program is None:
        pytest.skip("there is no C compiler")
    ran = subprocess.run([program], capture_output=True, check=False)
    assert ran.returncode == 2  # it wants to know whose image


def test_folders_of_an_image_are_found_by_what_prepare_said(tmp_path: Path) -> None:
    for name in ("aaaa1111", "bbbb2222"):
        (tmp_path / name).mkdir()
    found = limits.image_folders("bbbb+aaaa", tmp_path)
    assert [path.name for path in found] == ["bbbb2222", "aaaa1111"]


def test_a_command_that_leaves_nothing_behind_is_seen_to(tmp_path: Path) -> None:
    code = """
import json, sys
from pathlib import Path
from benchmarks import leftovers
ran = leftovers.run(["doctor", "--help"], cwd=Path("."), timeout=60)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=run.ROOT, capture_output=True, text=True)
    assert "RuntimeError: asynccode doctor ended with 0" in ran.stderr  # help is no JSON
    assert leftovers.control_groups(2**22 + 1) == []


def test_bench_runs_a_scenario_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "engine", "--json", "-o", "episodes=3", "-o", "steps=2"]
    assert main(words) in (0, 1)  # so few episodes may miss the target
    made = json.loads(capsys.readouterr().out)
    assert [(r["scenario"], r["error"]) for r in made["results"]] == [("engine", None)]
    assert {"taken", "machine", "versions"} <= set(made)


class Fake:
    """A runner that finds what it is told to."""

    results = results
    SCENARIOS = ("one", "two")

    def __init__(self, *found: Result) -> None:
        self.found = found
        self.asked: list[Any] = []

    def run_all(self, names: list[str], options: dict[str, str]) -> tuple[Result, ...]:
        self.asked.append((names, options))
        return self.found


def test_bench_prints_a_table_and_fails_when_a_target_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Fake(*FOUND[:2])
    monkeypatch.setattr(bench, "find", lambda: fake)
    assert main(["bench", "-o", "rounds=1"]) == 1
    assert fake.asked == [(["one", "two"], {"rounds": "1"})]
    assert "MISSED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bench", "nothing"], "There is no scenario 'nothing': there are cold_start, "),
        (["bench", "engine", "-o", "rounds"], "--option takes NAME=VALUE, not 'rounds'."),
    ],
)
def test_bench_refuses_in_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_bench_says_how_to_get_the_benchmarks_where_they_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "RUNNER", "benchmarks.somebody_elses")
    assert main(["bench"]) == 2
    assert "clone the repository" in capsys.readouterr().err
