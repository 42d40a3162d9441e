"""The page of a run in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from asynccode.cli import main
from asynccode.outcomes import Outcome
from asynccode.records import Step, StopReason
from tests.browser import Browser, browser
from tests.test_runfolder import episode, fill

__all__ = ["browser"]
pytestmark = pytest.mark.browser

HOSTILE = [
    "</script><script>window.pwned=1</script>",
    '<img src=x onerror="window.pwned=1">',
    "\"'><svg onload=window.pwned=1>",
    "${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}",
    "javascript:window.pwned=1",
    "<!--<script>",
    "]]><style>*{display:none}</style>",
]


def some() -> list[Any]:
    steps = (
        Step(
            action="false", observation="", outcome=Outcome.NONZERO, exit_code=1, valid=False,
            seconds=0.5,
        ),
        Step(action="needle", observation="hay\n" * 4000, outcome=Outcome.OK, seconds=1.5),
        Step(action="submit", observation=None, reward=0.67),
    )  # fmt: skip
    return [
        episode("first", query="Find the thing.", labels={"difficulty": "easy"}),
        episode(
            "second", reward=0.67, solved=False, steps=steps, labels={"difficulty": "hard"},
            reward_parts={"state": 0.5, "answer": 0.17}, query="Count the lines.",
        ),
        episode("third", 1, StopReason.HARNESS_ERROR, reward=None, solved=False, error="lost it"),
    ]  # fmt: skip


def page_of(folder: Path, *episodes: Any, **changed: Any) -> Path:
    fill(folder, *episodes, **changed)
    assert main(["view", str(folder)]) == 0
    return folder / "view.html"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return page_of(tmp_path / "run", *some())


def test_it_shows_figures_and_the_first_episode(browser: Browser, page: Path) -> None:
    browser.open(page)
    cards = browser.text("#cards")
    assert "Success50.0 %" in cards  # of the two that were judged
    assert "Not judged1" in cards
    assert browser.js("return document.querySelectorAll('#plots svg').length") == 3
    assert browser.shows("Find the thing.")
    assert browser.js("return performance.getEntriesByType('resource').length") == 0
    assert browser.complaints() == []


def test_keys_lead_through_episodes_and_steps(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("j")
    assert browser.shows("Count the lines.")
    assert browser.js("return location.hash") == "#second/0"
    assert browser.shows("nonzero")
    browser.press("n", "n")
    assert browser.js("return document.activeElement.id") == "step-2"
    browser.press("p")
    assert browser.js("return document.activeElement.id") == "step-1"
    browser.press("j")
    assert browser.shows("lost it")
    assert browser.shows("not judged")
    browser.press("k", "k", "k", "k")
    assert browser.shows("Find the thing.")
    browser.press("o")
    assert browser.js("return document.getElementById('overview').hidden")
    browser.press("?")
    assert browser.js("return document.getElementById('help').open")
    browser.press(Keys.ESCAPE)
    assert not browser.js("return document.getElementById('help').open")
    assert browser.complaints() == []


def test_episodes_are_found_by_words_state_and_bars(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("/", "COUNT lines")
    browser.count("1 of 3 episodes")
    assert browser.shows("Count the lines.")
    browser.press(Keys.ESCAPE)
    browser.count("3 episodes")
    browser.press("/", "needle")
    browser.count("0 of 3 episodes")
    browser.click("#deep")
    browser.count("1 of 3 episodes")
    browser.click("#clear")
    browser.count("3 episodes")
    browser.js(
        "const s = document.querySelector('#selects select'); s.value = 'broken';"
        "s.dispatchEvent(new Event('change'))"
    )
    browser.count("1 of 3 episodes")
    assert browser.shows("lost it")
    browser.click("#clear")
    browser.js(
        "document.querySelector('.bar[aria-label^=\"reward 0.6 \"]')"
        ".dispatchEvent(new MouseEvent('click'))"
    )
    browser.count("1 of 3 episodes")
    assert browser.shows("Count the lines.")


def test_a_link_leads_to_its_episode_and_long_outputs_unfold(browser: Browser, page: Path) -> None:
    browser.open(page, "#second/0")
    assert browser.shows("answer")
    assert browser.shows("show 10,000 more characters")
    browser.js("document.querySelector('.more').click()")
    assert (
        browser.js("return document.querySelectorAll('pre.output')[0].textContent.length") > 15000
    )
    widths = browser.js(
        "return [...document.querySelectorAll('.parts .bar i')].map((bar) => bar.style.width)"
    )
    assert widths == ["50%", "17%"]


def test_it_is_light_or_dark_as_is_asked_for(browser: Browser, page: Path) -> None:
    shade = "return getComputedStyle(document.body).backgroundColor"
    found = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.open(page)
        found.append(browser.js(shade))
        browser.press("d")
        found.append(browser.js(shade))
    light, toggled, dark, back = found
    assert light != dark
    assert (toggled, back) == (dark, light)


def hostile(n: int, text: str) -> Any:
    step = Step(action=text, observation=text, outcome=Outcome.OK, seconds=0.1)
    values: dict[str, Any] = {"query": text, "error": text, "labels": {"difficulty": text}}
    parts = {text: 0.5, "x": text}
    return episode(f"{n}{text}", steps=(step, step), reward_parts=parts, **values)


def test_what_an_agent_wrote_is_never_run(browser: Browser, tmp_path: Path) -> None:
    made = [hostile(n, text) for n, text in enumerate(HOSTILE)]
    agent = {f"{n}{text}": text for n, text in enumerate(HOSTILE)}
    fill(tmp_path, *made, policy=HOSTILE[0], suite=HOSTILE[1], agent=agent)
    assert main(["view", str(tmp_path), "--title", HOSTILE[1]]) == 0
    browser.open(tmp_path / "view.html")
    browser.js("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    for n, text in enumerate(HOSTILE):
        assert browser.shows(f"{n}{text}")
        written = browser.js(
            "return [...document.querySelectorAll('pre')].map((p) => p.textContent)"
        )
        assert written == [text] * 4
        browser.press("j")
    assert browser.js("return window.pwned") is None
    assert browser.js("return document.querySelectorAll('img, iframe, main svg').length") == 0
    assert browser.js("return document.querySelectorAll('script').length") == 3
    assert browser.js("return document.title") == HOSTILE[1]
    # Even markup that did get in would not run.
    assert browser.complaints() == []
    browser.js("document.body.insertAdjacentHTML('beforeend', arguments[0])", HOSTILE[1])
    browser.until("return document.images.length")
    assert any("Content Security Policy" in message for message in browser.complaints())
    assert browser.js("return window.pwned") is None


def test_odd_bytes_are_made_visible(browser: Browser, tmp_path: Path) -> None:
    odd = "a\x00b\x1b[31mc\x7f\u202ed\u2066e\ufeff\r\nf\rg\x85 é 漢 😀"
    folder = tmp_path / "run"
    fill(folder, episode(steps=(Step(action="cat odd", observation=odd),)))
    file = folder / "episodes.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"cat odd"', b'"\\ud800cat"'))
    assert main(["view", str(folder)]) == 0
    browser.open(folder / "view.html")
    seen = browser.js("return document.querySelector('pre.output').textContent")
    assert seen == ("a␀b␛[31mc␡⟨U+202E⟩d⟨U+2066⟩e⟨U+FEFF⟩\nf␍g⟨U+0085⟩ é 漢 😀")
    assert browser.text("pre.action") == "\ufffdcat"


def test_ten_thousand_episodes_are_a_list_like_any_other(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fill(folder, episode("t0"))
    file = folder / "episodes.jsonl"
    line = json.loads(file.read_text())
    with file.open("w") as lines:
        for n in range(10_000):
            line |= {"task_id": f"t{n}", "reward": n % 11 / 10, "solved": n % 11 == 10}
            lines.write(json.dumps(line) + "\n")
    assert main(["view", str(folder)]) == 0
    browser.open(folder / "view.html")
    browser.count("10000 episodes")
    nodes = "return document.querySelectorAll('.row').length"
    assert browser.js(nodes) < 60
    browser.press(Keys.END)
    browser.until("return document.querySelector('#detail h2').textContent === 't9999'")
    assert browser.js(nodes) < 60
    browser.press("/", "t777")
    browser.count("11 of 10000 episodes")
    browser.until("return document.querySelector('#detail h2').textContent === 't777'")
    browser.press(Keys.ESCAPE)
    browser.count("10000 episodes")
    assert browser.complaints() == []
