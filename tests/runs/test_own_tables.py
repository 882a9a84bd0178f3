"""What people bring: tables of experiments from files, and what is proposed for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import mbo_core as mbo

DRAW = np.random.default_rng(5)
METHODS = {
    "grad-ascent": ["proxy.hidden=[16]", "proxy.epochs=30", "proxy.learning_rate=0.03", "update.steps=50"],
    "cma-es": ["proxy.hidden=[16]", "proxy.epochs=30", "proxy.learning_rate=0.03", "update.generations=10"],
}


class Case(NamedTuple):
    """A table, how it is read, and what its proposals must be.

    Attributes:
        frame: the experiments; the scores stand in the column `y`.
        kept: whether proposals can be made.
        said: what the task's notes say.
        minimize: whether smaller scores are better.
        space: the text of a space file.
    """

    frame: pd.DataFrame
    kept: Callable[[pd.DataFrame], bool]
    said: str
    minimize: bool = False
    space: str = ""


def on_grid(values: pd.Series, step: float) -> bool:
    """Whether all values are multiples of a step."""
    return bool(np.allclose(values / step, np.rint(values / step), atol=1e-9))


def blends() -> pd.DataFrame:
    """Three fractions in steps of 0.05 that add to 1, and a temperature in steps of 5."""
    cuts = np.sort(DRAW.integers(1, 20, (30, 2)), axis=1)
    parts = np.diff(np.c_[np.zeros(30), cuts, np.full(30, 20)], axis=1) * 0.05
    frame = pd.DataFrame(parts.round(2), columns=["resin", "filler", "oil"])
    frame["cure"] = DRAW.integers(12, 24, 30) * 5
    return frame.assign(y=frame["resin"] * 60 + frame["cure"] / 10)


def dosed() -> pd.DataFrame:
    frame = pd.DataFrame({"salt": DRAW.integers(0, 400, 30) / 10, "pump": DRAW.integers(2, 13, 30) * 0.5})
    return frame.assign(y=frame["salt"] * -1 + frame["pump"])


def catalysed() -> pd.DataFrame:
    count = 40
    frame = pd.DataFrame({"catalyst": DRAW.choice(["Pd", "CuI", "none"], count), "temp": DRAW.integers(30, 110, count)})
    frame["base"] = DRAW.integers(4, 13, count) * 0.25
    frame["dry"] = DRAW.choice(["yes", "no"], count)
    return frame.assign(y=frame["temp"] / 2 + 10 * (frame["catalyst"] == "Pd"))


def hot() -> pd.DataFrame:
    frame = pd.DataFrame({"temp": DRAW.uniform(40, 120, 30).round(1), "bar": DRAW.uniform(1, 10, 30).round(1)})
    return frame.assign(y=frame["temp"] / 2 + frame["bar"])


def peptides() -> pd.DataFrame:
    words = ["".join(DRAW.choice(list("ACDEFGHIKLMNPQRSTVWY"), DRAW.integers(13, 16))) for _ in range(30)]
    return pd.DataFrame({"peptide": words, "y": [word.count("K") + len(word) / 100 for word in words]})


def coated() -> pd.DataFrame:
    frame = pd.DataFrame({"temp": DRAW.integers(20, 91, 40), "hours": DRAW.integers(1, 25, 40)})
    frame["layers"] = DRAW.permutation(np.resize([1, 2, 3, 4, 5], 40))
    return frame.assign(y=frame["temp"] / 10 + frame["layers"])


HOT = hot()
CASES = {
    "a blend": Case(
        blends(),
        lambda x: on_grid(x["resin"], 0.05) and on_grid(x["oil"], 0.05) and on_grid(x["cure"], 5)
        and bool(np.allclose(x[["resin", "filler", "oil"]].sum(axis=1), 1, atol=1e-9)) and x["oil"].min() >= 0,
        "resin + filler + oil = 1 in every row",
    ),
    "steps of a pipette": Case(
        dosed(),
        lambda x: on_grid(x["salt"], 0.1) and on_grid(x["pump"], 0.5) and x["salt"].min() >= 0,
        "in steps of 0.1",
    ),
    "several kinds": Case(
        catalysed(),
        lambda x: set(x["catalyst"]) <= {"Pd", "CuI", "none"} and on_grid(x["temp"], 1) and on_grid(x["base"], 0.25)
        and set(x["dry"]) <= {"yes", "no"},
        "catalyst: category of 3 levels: CuI, Pd, none",
    ),
    "a new limit": Case(
        hot(),
        lambda x: x["temp"].max() <= 80,
        "rows lie outside the space (temp: ",
        space="[columns.temp]\nbounds = [40.0, 80.0]\n",
    ),
    "peptides of several lengths": Case(
        peptides(),
        lambda x: x["peptide"].str.fullmatch("[A-Z]{1,15}").all(),
        'shorter ones end in the gap "-"',
    ),
    "whole amounts": Case(
        coated(),
        lambda x: on_grid(x["temp"], 1) and x["temp"].between(20, 90).all() and x["layers"].between(1, 5).all(),
        "hours: whole amounts from ",
    ),
    "an impurity": Case(
        HOT,
        lambda x: x["temp"].mean() < 75 < HOT["temp"].mean(),
        "temp: amounts from ",
        minimize=True,
    ),
}  # fmt: skip


PAIRS = [
    pytest.param(method, case, marks=() if number % len(METHODS) == place else pytest.mark.slow)
    for number, case in enumerate(CASES)
    for place, method in enumerate(METHODS)
]
"""Every table with both methods; one of each is in the default gear."""


@pytest.fixture
def case(request, tmp_path) -> tuple[Case, mbo.Task]:
    """A case with its task, read from a file."""
    found = CASES[request.param]
    path, space = tmp_path / "lab.csv", tmp_path / "space.toml"
    found.frame.to_csv(path, index=False)
    space.write_text(found.space)
    return found, mbo.read_table(path, target="y", space=space if found.space else None, minimize=found.minimize)


@pytest.mark.parametrize(("method", "case"), PAIRS, indirect=["case"])
def test_what_is_proposed_can_be_made(method, case):
    expected, task = case
    assert any(expected.said in note for note in task.notes)
    result = mbo.run(method, task, seeds=2, preset="quick", set=METHODS[method])
    assert expected.kept(result.frame())
    assert task.space.contains(result.designs.reshape(-1, task.space.length)).all()


def test_the_best_inside_is_compared(tmp_path):
    """A row that is hotter than the limit is trained on, but is not the one to beat."""
    hot().to_csv(tmp_path / "lab.csv", index=False)
    space = Path(tmp_path / "space.toml")
    space.write_text(CASES["a new limit"].space)
    task = mbo.read_table(tmp_path / "lab.csv", target="y", space=space)
    assert not task.inside.all()
    assert len(task.y) == 30
    assert any("the best row inside has y = " in note for note in task.notes)


def test_lower_is_better_is_asked_for():
    frame = hot().rename(columns={"y": "impurity"})
    question = 'target "impurity" is maximised: is a smaller one better? Then say minimize=True'
    assert question in mbo.Task("lab", frame, target="impurity").notes
    task = mbo.Task("lab", frame, target="impurity", minimize=True)
    assert question not in task.notes
    assert task.best_in_data == frame["impurity"].min()


@pytest.mark.parametrize(
    "x",
    [np.array(["ACGT", "ACGA", "TCGA"]), [list("ACGT"), list("ACGA"), list("TCGA")], np.array(["ACGT", "ACG", "TCG"])],
    ids=["words", "letters", "lengths"],
)
def test_sequences_need_no_helper(x):
    result = mbo.run({"update": {"use": "none"}}, mbo.Task("dna", x, [1.0, 2.0, 3.0]), seeds=1)
    assert set(result.frame()["design"].str.rstrip("-")) == {"".join(word) for word in x}


FAR = {
    "grad-ascent": ["update.step_size=1.0", "update.steps=20"],
    "coms": ["update.step_size=1.0", "update.steps=20", "adversary.steps=1"],
    "cma-es": ["update.step_size=9.0", "update.generations=5"],
}


@pytest.mark.parametrize(
    "method", [pytest.param(name, marks=[] if name == "grad-ascent" else [pytest.mark.slow]) for name in FAR]
)
def test_bounds_hold_where_a_search_leaves_the_data(method):
    """The score rises with the pH, of which there is nothing beyond 14; without bounds a note says how far it went."""
    draw = np.random.default_rng(0)
    x = np.c_[draw.normal(50, 5, 60), draw.uniform(1, 14, 60)]
    columns = (mbo.Real("temp"), mbo.Real("pH", (0, 14)))
    far = [*METHODS["grad-ascent"][:3], *FAR[method]]
    found = {}
    for space in (mbo.Space(columns), mbo.Space.continuous(2, ("temp", "pH"))):
        result = mbo.run(method, mbo.Task("bath", x, x[:, 1], space=space), seeds=1, preset="quick", set=far)
        found[space] = result.frame()["pH"], [note.text for note in result.notes]
    (bound, _), (free, said) = found.values()
    assert bound.between(0, 14).all()
    assert free.max() > 14
    assert any("candidates lie outside the range of the data" in text for text in said)


def test_whole_numbers_of_a_frame_are_named_amounts():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"degrees": draw.integers(20, 100, 60), "minutes": draw.integers(1, 14, 60)})
    task = mbo.Task("oven", frame, frame.degrees - 3 * frame.minutes)
    assert task.kind == "continuous"
    assert "degrees: whole amounts from " in task.notes[0]
    proposed = mbo.run("grad-ascent", task, seeds=1, set=METHODS["grad-ascent"]).frame()
    assert on_grid(proposed["degrees"], 1)
    assert proposed["degrees"].between(20, 99).all()
    assert proposed["minutes"].between(1, 13).all()
