"""The page in a headless Chromium: it renders, sorts, reports no error and asks for nothing."""

from __future__ import annotations

import json

import pytest
from chromium import browser, in_chromium
from mbo_propose.report import write_report

__all__ = ["browser"]

pytestmark = in_chromium


@pytest.fixture
def opened(browser, batch, tmp_path):
    """The page of a batch, at a width and in a scheme."""
    batch.notes.append("<img src=https://example.org/x.png onerror=alert(1)>")
    path = tmp_path / "report.html"
    write_report(batch, path)

    def at(width, scheme="light"):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        wish = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wish]})
        browser.get(path.as_uri())
        return browser

    return at


def requests(browser):
    """The addresses that were asked for."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith("data:")]


def column(browser, place):
    return browser.execute_script(
        "return [...document.querySelectorAll('.sortable tbody tr')].map(row => row.cells[arguments[0]].dataset.key)",
        place,
    )


def test_it_renders_and_asks_for_nothing(opened):
    browser = opened(1280)
    drawn = browser.execute_script(
        "const count = one => one.querySelectorAll('.main-svg .points path').length;"
        "return [...document.querySelectorAll('.chart')].map(count)"
    )
    assert len(drawn) == 7
    assert sum(count > 0 for count in drawn) == 6  # the search's trace has lines alone
    assert browser.get_log("browser") == []
    assert [url for url in requests(browser) if not url.startswith("file:")] == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")])
def test_it_fits_every_screen(opened, width, scheme):
    browser = opened(width, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 28)"}[scheme]


@pytest.mark.parametrize("key", [None, "ENTER", "SPACE"])
def test_titles_sort_the_table(opened, batch, key):
    from selenium.webdriver.common.keys import Keys

    browser = opened(1280)
    heads = browser.find_elements("css selector", ".sortable th")
    place = [head.text.split()[0] for head in heads].index("lower")
    button = heads[place].find_element("css selector", "button")
    press = button.click if key is None else lambda: button.send_keys(getattr(Keys, key))
    known = sorted(str(one.lower) for one in batch.proposals if one.lower is not None)
    for way in ("ascending", "descending"):
        press()
        assert heads[place].get_attribute("aria-sort") == way
        assert column(browser, place) == [*known, "", "", ""]
    first = heads[0].find_element("css selector", "button")
    first.click()
    first.click()
    assert column(browser, 0) == [f"{place}.0" for place in range(len(batch.proposals), 0, -1)]
