"""A real browser for tests of pages: chromium, headless, without a network."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from tests.conftest import unavailable

QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
    "--window-size=1400,950",
)


class Browser:
    """One page at a time, looked at as a person would."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, fragment: str = "") -> None:
        """Load a page and wait until it says that it is ready."""
        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + fragment)
        self.until("return document.documentElement.dataset.ready === 'yes'")

    def js(self, code: str, *arguments: object) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(code, *arguments)

    def until(self, code: str, seconds: float = 30) -> Any:
        """Wait until a script gives something true."""
        end = time.monotonic() + seconds
        while not (value := self.js(code)):
            assert time.monotonic() < end, f"{code}: {self.text('#detail')[:500]}"
            time.sleep(0.02)
        return value

    def text(self, selector: str) -> str:
        """Give the text of an element."""
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def shows(self, text: str) -> bool:
        """Wait until the episode shows a text."""
        quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return bool(
            self.until(f"return document.getElementById('detail').textContent.includes('{quoted}')")
        )

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        """Click an element."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def count(self, text: str) -> bool:
        """Wait until so many episodes are chosen."""
        return bool(self.until(f"return document.getElementById('count').textContent === '{text}'"))

    def complaints(self) -> list[str]:
        """Give what the browser logged since it was asked last: errors, refused scripts."""
        log: list[dict[str, str]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Give a browser for the tests of a module; it ends with them."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        unavailable("browser", "chromium or chromedriver is not installed; see tests/services")
    options = Options()
    options.binary_location = chromium
    for word in [*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
