"""`start`, designs to search from, and `hold`, columns kept at a value: for every method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import mbo_core as mbo
from mbo_core.plugins.registry import installed
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Data, top
from mbo_core.testing.settings import assignments
from mbo_core.testing.tiny_tasks import small_task

INSTALLED = installed()
NONE = {"update": {"use": "none", "candidates": 4}}


def oven(rows: int = 24) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    temp, acid = draw.integers(4, 16, rows) * 5, draw.integers(10, 99, rows) / 100
    gas = np.array(["N2", "air", "Ar"])[np.arange(rows) % 3]
    return pd.DataFrame({"temp": temp, "acid": acid, "gas": gas, "rate": 50 - (temp - 40) ** 2 / 100 + acid})


def texts(result: mbo.Result) -> list[str]:
    return [note.text for note in result.notes]


MOVES, DRAWS = "grad-ascent", "cbas"
"""One that starts from the designs, and one that ignores them."""
METHODS = [pytest.param(name, marks=[] if name in (MOVES, DRAWS) else [pytest.mark.slow]) for name in INSTALLED.methods]
"""The others hold and start in test_random_spaces.py too."""


@pytest.mark.parametrize("method", METHODS)
def test_every_method_holds_and_starts(method):
    task = mbo.Task("oven", oven(), target="rate")
    small = [one for one in assignments(method, INSTALLED, "mixed", candidates=8) if ".held_out" not in one]
    given = pd.DataFrame({"temp": [25, 60], "acid": [0.31, 0.77]})
    result = mbo.run(method, task, seeds=2, set=small, hold={"gas": "air"}, start=given)
    assert (result.frame()["gas"] == "air").all()
    ignored = any("start designs are ignored" in text for text in texts(result))
    assert ignored == (method in ("mins", "mins-plain-gan", "gp-qlognei") or "cbas" in method)
    assert result.hold == {"gas": "air"}
    assert "hold gas = air, start from 2 designs" in repr(result).splitlines()[0]


def test_given_designs_come_first():
    given = pd.DataFrame({"gas": ["Ar", "N2"], "acid": [0.5, 0.25], "temp": [30, 75], "rate": [1, 2], "day": [3, 4]})
    result = mbo.run(NONE, mbo.Task("oven", oven(), target="rate"), seeds=1, start=given)
    cells = result.frame()[["gas", "acid", "temp"]]
    assert cells.iloc[:2].to_numpy().tolist() == [["Ar", 0.5, 30], ["N2", 0.25, 75]]
    best = oven().nlargest(2, "rate")
    assert cells.iloc[2:]["temp"].tolist() == best["temp"].tolist()
    assert "not in the space, and ignored: day" in texts(result)


def test_a_given_row_is_not_taken_twice():
    x = torch.arange(12.0).reshape(6, 2)
    space = encode_table(_encoding("continuous"), [0], mbo.Task("a", x.numpy(), np.arange(6.0)).table).space
    data = Data(x, torch.arange(6.0), space, start=x[[5, 0]])
    assert top(data, 4)[:, 0].tolist() == [10.0, 0.0, 8.0, 6.0]
    assert top(data, 1)[:, 0].tolist() == [10.0]
    assert top(Data(x, torch.arange(6.0), space), 2)[:, 0].tolist() == [10.0, 8.0]


def _encoding(kind: str):
    return mbo.run({"update": {"use": "none"}}, small_task(kind), seeds=1).recipe.encoding


def test_each_seed_encodes_the_start():
    task = small_task("discrete")
    given = np.array([[0, 1, 2, 3, 0, 1], [3, 3, 3, 0, 0, 0]])
    stage = mbo.run({"encoding": {"use": "latent", "epochs": 1, "latent": 3, "hidden": [8]}, **NONE}, task, seeds=1)
    encoded = encode_table(stage.recipe.encoding, [0, 1], task.table, start=given)
    for seed in (0, 1):
        own = encoded.only([seed]).first.start
        assert torch.equal(own, encoded.encode(torch.tensor(given), seed))
    assert not torch.equal(encoded.start[0], encoded.start[1])


def test_contradictions_are_repaired_and_counted():
    given = pd.DataFrame({"gas": ["Ar", "air", "air"], "acid": [0.5, 7.0, 7.0], "temp": [30, 33, 33]})
    result = mbo.run(NONE, mbo.Task("oven", oven(), target="rate"), seeds=1, hold={"gas": "air"}, start=given)
    assert "3 of 3 start designs lay outside the space and were moved into it" in texts(result)
    assert "1 of 3 start designs repeat another" in texts(result)
    assert result.frame()[["gas", "acid", "temp"]].iloc[1].tolist() == ["air", oven()["acid"].max(), 35]


def test_more_starts_than_candidates_are_noted():
    given = oven().head(6)
    result = mbo.run(NONE, mbo.Task("oven", oven(), target="rate"), seeds=1, start=given)
    assert "only the first 4 of 6 start designs are used: there are 4 candidates" in texts(result)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gas": ["N2"], "acid": [0.5], "tmp": [30]}, ['column "temp" of the space is not in the table', '"tmp"']),
        ({"gas": ["He"], "acid": [0.5], "temp": [30]}, ['unknown level "He"']),
        ({"gas": ["N2"], "acid": [np.nan], "temp": [30]}, ['column "acid" is empty']),
        ("nowhere.csv", ["cannot read the table nowhere.csv"]),
        ("start.npz", ["unsupported ending"]),
    ],
    ids=str,
)  # fmt: skip
def test_unusable_starts_are_refused(given, words):
    start = given if isinstance(given, str) else pd.DataFrame(given)
    with pytest.raises(mbo.TaskError) as refused:
        mbo.run(NONE, mbo.Task("oven", oven(), target="rate"), seeds=1, start=start)
    for word in words:
        assert word in str(refused.value)


def test_words_and_arrays_are_starts():
    words = ["ACGT", "ACGA", "TCGA", "TTTT", "GGGA"]
    result = mbo.run(NONE, mbo.Task("dna", words, range(5)), seeds=1, start=["CCCC"])
    assert result.frame()["design"].iloc[0] == "CCCC"
    x = np.random.default_rng(0).normal(size=(9, 2))
    result = mbo.run(NONE, mbo.Task("bath", x, x.sum(1)), seeds=1, start=[[0.5, 0.25]])
    assert np.allclose(result.designs[0, 0], [0.5, 0.25])


def test_start_and_hold_repeat_from_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task, given = mbo.Task("oven", oven(), target="rate"), oven().head(2)
    first = mbo.run(NONE, task, seeds=1, hold={"temp": 40}, start=given, out="a")
    again = mbo.run("a", mbo.load("a").task)
    named = mbo.run(NONE, "Quadratic2D-Exact-v0", seeds=1, hold={"x1": 0.5}, start=[[0.5, 0.25]], out="b")
    assert np.array_equal(first.designs, again.designs)
    assert np.array_equal(mbo.run("b").designs, named.designs)
    for loaded in (mbo.load("a"), mbo.load("b")):
        assert loaded.started > 0
        assert loaded.hold
        assert (loaded.designs[0][:, 0] == next(iter(loaded.hold.values()))).all()
    assert Path("a/start.csv").read_text().startswith("temp,acid,gas\n40,")


def test_a_recipe_holds_and_starts(tmp_path):
    oven().head(2).to_csv(tmp_path / "first.csv", index=False)
    (tmp_path / "own.toml").write_text(
        '[run]\nhold = {gas = "Ar"}\nstart = "first.csv"\n[update]\nuse = "none"\ncandidates = 4\n'
    )
    task = mbo.Task("oven", oven(), target="rate")
    result = mbo.run(tmp_path / "own.toml", task, seeds=1)
    assert (result.frame()["gas"] == "Ar").all()
    assert result.frame()["temp"].tolist()[:2] == oven()["temp"].tolist()[:2]
    assert mbo.run(tmp_path / "own.toml", task, seeds=1, hold={"gas": "air"}).hold == {"gas": "air"}
