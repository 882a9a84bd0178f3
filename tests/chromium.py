"""A headless Chromium for tests of pages: its console and its requests can be read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

_THERE = find_spec("selenium") and shutil.which("chromium") and shutil.which("chromedriver")

in_chromium = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.skipif(not _THERE, reason="selenium or Chromium is not installed"),
]
"""The marks of a module of such tests: `pytestmark = in_chromium`."""


@pytest.fixture
def browser() -> Iterator[Any]:
    """The driver; import it into the module of the tests."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    asked = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        asked.add_argument(flag)
    asked.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=asked, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()
