"""The page without a browser: its parts, what is missing, escaping and size."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from mbo_propose.report import write_report
from mbo_propose.report.page import content, page
from mbo_propose.report.thinning import DRAWN

EVIL = """<script>alert("1")</script>'%{x}"""
PARTS = ("verdict", "proposals", "quality-part", "gains-part", "among-part", "backtest-part", "trace-part")


@pytest.fixture
def own(monkeypatch):
    """The page without plotly's script."""
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "PLOTLY")
    return page


def charts(text):
    """The charts by name."""
    found = re.search(r'id="charts">(.*?)</script>', text, re.DOTALL)
    return {one["name"]: one for one in json.loads(found[1])}


def test_every_part_is_there(own, batch):
    text = own(batch)
    assert [part for part in PARTS if f'<section id="{part}"' not in text] == []
    assert set(charts(text)) == {"quality", "gains", "backtest", "trace", "among-0", "among-1", "among-2"}
    assert all(f'id="{name}"' in text for name in charts(text))


def test_nothing_is_loaded(own, batch):
    loads = r"(?:src|href|action|data)\s*=|url\(|@import|\bfetch\b|XMLHttpRequest|https?://"
    assert re.findall(loads, own(batch)) == []


def test_plotly_is_inlined(batch, tmp_path):
    write_report(batch, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "plotly.js v" in text
    assert text.count("</script>") == 3
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_names_and_texts_are_escaped(own, batch_for, frame):
    frame = frame.rename(columns={"heat": EVIL, "score": f"{EVIL} score"})
    frame["salt"] = frame["salt"].replace("NaCl", EVIL)
    made = batch_for(frame, target=f"{EVIL} score", unit=EVIL)
    made.notes, made.helps, made.recipe = [EVIL], [EVIL], EVIL
    made.tested.picks[EVIL] = made.tested.picks["forest"]
    text = own(made)
    assert "<script>alert" not in text
    assert text.count("</script>") == 3
    drawn = json.dumps(charts(text))
    assert "<script" not in drawn
    assert "%{x}" not in drawn


def test_best_held_out_row_is_marked(own, batch):
    (star,) = (one for one in charts(own(batch))["quality"]["data"] if one["name"] == "best held-out row")
    assert star["x"] == [pytest.approx(batch.best_tried)]


@pytest.mark.parametrize("minimize", [False, True])
def test_scores_keep_their_sign(own, batch_for, frame, minimize):
    made = batch_for(frame, minimize=minimize)
    found = charts(own(made))["among-0"]["data"][0]["y"]
    assert sorted(found) == pytest.approx(sorted(frame["score"]))
    best = frame["score"].min() if minimize else frame["score"].max()
    assert dict(content(made)["facts"])["best tried"].startswith(f"{best:g} %")


def test_numbers_sort_by_themselves(batch):
    shown = content(batch)["table"]
    place = [title for title, _ in shown.heads].index("lower bound")
    assert [row[place].key == "" for row in shown.rows] == [one.lower is None for one in batch.proposals]
    assert shown.numeric[place]


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ({"tested": None}, "No backtest was made"),
        ({"held_out": None}, "No rows were held out"),
        ({"trace": {}}, "The search reported no numbers"),
        ({"trace": {0: [{"phase": "search", "step": 0, "best": 1.0}]}}, "The search took a single step"),
        ({"proposals": [], "x": np.zeros((0, 3))}, "There are no proposals"),
        ({"judged": None}, "The table was not judged"),
    ],
)
def test_what_is_missing_is_said(own, batch, lost, words):
    for name, value in lost.items():
        setattr(batch, name, value)
    assert words in own(batch)


@pytest.mark.parametrize("kept", [["salt"], ["heat"], ["salt", "acid"]])
def test_few_columns_suffice(own, batch_for, frame, kept):
    found = charts(own(batch_for(frame[[*kept, "score"]])))
    assert len([name for name in found if name.startswith("among")]) == len(kept)


def test_sequences_are_drawn_by_differences(own, batch_for):
    rng = np.random.default_rng(0)
    words = ["".join(one) for one in rng.choice(list("ACGT"), (40, 8))]
    frame = pd.DataFrame({"site": words, "score": [word.count("A") + rng.normal() for word in words]})
    assert "differ from the best" in charts(own(batch_for(frame)))["among-0"]["layout"]["xaxis"]["title"]["text"]


def test_rare_levels_share_a_place(own, batch_for, frame):
    frame["salt"] = [f"level {row // 2}" for row in range(len(frame))]
    made = charts(own(batch_for(frame[["salt", "score"]])))["among-0"]
    assert made["layout"]["xaxis"]["ticktext"][-1] == "18 others"


def test_column_that_matters_comes_first(batch_for, frame):
    frame["score"] = [{"NaCl": 9.0, "KBr": 1.0, "none": 0.0}[salt] for salt in frame["salt"]]
    assert content(batch_for(frame))["among"][0][0].label.endswith("by salt")


def test_large_tables_are_thinned(own, batch_for):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20_000, 6)), columns=list("abcdef"))
    frame["score"] = frame.sum(axis=1) + rng.normal(size=len(frame))
    text = own(batch_for(frame, count=12))
    assert len(text) < 2_500_000
    assert f"{DRAWN:,} of 20,000 rows are drawn" in text
    best = max(charts(text)["among-0"]["data"][0]["y"])
    assert best == pytest.approx(frame["score"].max(), rel=1e-5)
