"""The page of a run, without a browser: what is in it, and what never is."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from asynccode.cli import main
from asynccode.records import Step, StopReason
from asynccode.results.view.page import shortened
from asynccode.runfolder import EPISODES
from tests.test_runfolder import episode, fill

BLOCK = re.compile(r'<script type="application/octet-stream" id="([\w-]+)">([^<]*)</script>')


def view(folder: Path, *words: str) -> Path:
    assert main(["view", str(folder), *words]) == 0
    return folder / "view.html"


def packed(page: Path) -> dict[str, str]:
    return {
        name: gzip.decompress(b64decode(data)).decode()
        for name, data in BLOCK.findall(page.read_text(encoding="utf-8"))
    }


def test_the_page_holds_every_episode_and_loads_nothing(tmp_path: Path) -> None:
    fill(tmp_path, episode(), episode("t1", 2, reward=0.5, solved=False))
    page = view(tmp_path)
    blocks = packed(page)
    index = json.loads(blocks["index"])
    lines = [json.loads(line) for line in blocks["chunk-0"].split("\n")]
    assert [line["task_id"] for line in lines] == ["t0", "t1"]
    assert index["figures"]["success_rate"]["value"] == 0.5
    rows = [dict(zip(index["fields"], row, strict=True)) for row in index["rows"]]
    assert [(row["chunk"], row["line"], row["attempt"]) for row in rows] == [(0, 0, 0), (0, 1, 2)]
    text = page.read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(|\ssrc=", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(", text)
    assert "default-src 'none'" in text


def test_nothing_that_was_recorded_is_in_the_page_as_text(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    step = Step(action=hostile, observation=hostile)
    fill(tmp_path, episode(hostile, query=hostile, steps=(step,), error=hostile), policy=hostile)
    text = view(tmp_path, "--title", hostile).read_text()
    assert "alert(1)" not in text.replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert text.count("<script") == 3  # the index, a chunk, and ours


def test_its_figures_are_those_of_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"difficulty": "easy"}
    fill(
        tmp_path,
        *(episode(f"t{n}", m, solved=n > m, labels=labels) for n in range(3) for m in range(2)),
        episode("t9", stop=StopReason.HARNESS_ERROR, reward=None, solved=False),
    )
    index = json.loads(packed(view(tmp_path))["index"])
    capsys.readouterr()
    assert main(["summary", str(tmp_path), "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["experiments"]
    assert index["figures"] == {name: one[name] for name in index["figures"]}
    assert index["groups"] == one["groups"]
    assert one["harness_errors"] == 1


def test_success_against_turns_counts_the_first_turn_that_was_paid(tmp_path: Path) -> None:
    rewards = (0.3, 1.0, 0.5)
    steps = tuple(Step(action="x", observation="", reward=reward) for reward in rewards)
    fill(tmp_path, episode(steps=steps), episode("t1", steps=(Step(action="x", observation=""),)))
    index = json.loads(packed(view(tmp_path))["index"])
    place = index["fields"].index("solved_at")
    assert [row[place] for row in index["rows"]] == [2, 1]


def test_a_large_run_is_in_many_chunks(tmp_path: Path) -> None:
    text = "".join(chr(33 + n * n % 89) for n in range(9_000))
    fill(tmp_path, *(episode(f"t{n}", observation=text) for n in range(150)))
    blocks = packed(view(tmp_path))
    assert len(blocks) == 4
    index = json.loads(blocks["index"])
    for row in index["rows"]:
        place = dict(zip(index["fields"], row, strict=True))
        line = json.loads(blocks[f"chunk-{place['chunk']}"].split("\n")[place["line"]])
        assert line["task_id"] == index["tasks"][place["task"]][0]


def test_a_folder_that_is_damaged_is_shown_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, episode(), episode("t1"))
    whole = (tmp_path / EPISODES).read_bytes()
    (tmp_path / EPISODES).write_bytes(b"\xff{\n" + whole[:-20])
    (tmp_path / "manifest.json").write_text("{")
    assert main(["view", str(tmp_path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["episodes"] == 1
    assert len(made["skipped"]) == 3
    assert json.loads(packed(tmp_path / "view.html")["index"])["skipped"] == made["skipped"]


def test_a_run_without_an_episode_has_a_page(tmp_path: Path) -> None:
    fill(tmp_path)
    index = json.loads(packed(view(tmp_path))["index"])
    assert (index["rows"], index["figures"]["episodes"]) == ([], 0)


@pytest.mark.parametrize("name", ["nothing", "folder"])
def test_what_is_no_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "folder").mkdir()
    assert main(["view", str(tmp_path / name)]) == 2
    assert name in capsys.readouterr().err
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_folder_of_runs_is_refused_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/manifest.json").write_text("{}")
    assert main(["view", str(tmp_path)]) == 2
    assert f"Name one of those in it: {tmp_path / 'mine'}." in capsys.readouterr().err


def test_what_is_kept_for_training_alone_is_not_in_the_page(tmp_path: Path) -> None:
    call = {"reply": {"role": "assistant", "content": "ls"}, "tokens_in": 3, "token_ids": [71, 72]}
    fill(tmp_path, episode())
    file = tmp_path / EPISODES
    record = json.loads(file.read_text())
    record["steps"][0]["calls"] = [call]
    file.write_text(json.dumps(record) + "\n")
    ((kept,),) = [step["calls"] for step in json.loads(packed(view(tmp_path))["chunk-0"])["steps"]]
    assert kept == {"reply": call["reply"], "tokens_in": 3}


def test_long_texts_lose_their_middle() -> None:
    value: Any = {"a": ["x" * 5 + "y" * 10], "b": 1}
    assert shortened(value, 15) == value
    (text,) = shortened(value, 10)["a"]
    assert text == "xxxxx\n[... 5 characters left out here ...]\nyyyyy"
