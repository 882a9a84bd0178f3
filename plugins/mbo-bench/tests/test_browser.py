"""The report in a headless Chromium: it renders, sorts, filters, and asks for nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from chromium import browser, in_chromium
from mbo_bench.report.page import page
from mbo_bench.report.study import Study
from mbo_bench.results import COLUMNS, NUMBERS

__all__ = ["browser"]

pytestmark = in_chromium


@pytest.fixture
def study():
    """Four mixes on two tasks, one of which has failed."""
    rng, rows = np.random.default_rng(0), []
    for place, (proxy, update) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "y")]):
        about = {"method": f"{proxy}/{update}", "proxy": proxy, "adversary": "none", "update": update}
        for task in ("t0", "t1"):
            failed = {"status": "failed", "reason": "<b>lost</b>"} if proxy == "c" else {"status": "done", "reason": ""}
            scores = dict.fromkeys(NUMBERS, np.nan if proxy == "c" else place + rng.normal())
            rows += [{**about, "task": task, "seed": seed, **failed, **scores} for seed in range(3)]
    texts = {name: "" for name in COLUMNS if name not in rows[0]}
    return Study(pd.DataFrame([{**texts, **row} for row in rows]))


def test_the_page_works(browser, study, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(study), encoding="utf-8")
    browser.get(path.as_uri())
    assert browser.get_log("browser") == []
    drawn = browser.execute_script("return document.querySelectorAll('.chart .main-svg').length")
    assert drawn >= 7
    assert "<b>lost</b>" in browser.find_element("id", "problems").text
    column = "return [...document.querySelectorAll('.sortable tbody')[0].rows].map(row => row.cells[0].textContent)"
    head = browser.find_elements("css selector", ".sortable th button")[0]
    head.click()
    assert browser.execute_script(column) == ["c/y", "b/y", "b/x", "a/y", "a/x"]
    browser.find_element("id", "filter").send_keys("a/ t1")
    shown = "return [...document.querySelectorAll('.sortable tbody')[1].rows].filter(row => !row.hidden).length"
    assert browser.execute_script(shown) == 2
