"""--start, --limit and --error on files as people have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mbo_propose.pipeline import opened
from mbo_propose.reading import read
from mbo_propose.wishes import Wishes

from mbo_core.errors import MboError

HERE = Path(__file__).parent
TABLES = HERE / "tables"
SUZUKI = HERE.parent / "examples/suzuki.csv"
"""Two outcomes, an id, and a line of types."""


@pytest.fixture
def start(tmp_path):
    """A file of start designs."""

    def start(text: str) -> Path:
        path = tmp_path / "start.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return start


GERMAN = "NaCl_mM;MgCl2_mM;pump_ml_min;remark\n20,5;3,1;4,5;mine\n70,0;2,0;9,5;far\n"


def test_start_designs_have_any_dialect(start):
    made = opened(TABLES / "02_pipette_steps.csv", Wishes(target="activity", start=start(GERMAN)))
    assert "the search begins with 2 start designs" in made.notes
    assert "1 of 2 start designs lay outside the space and were moved into it" in made.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NaCl_mM,MgCl2_mM\n20.5,3.1\n21,3\n", 'column "pump_ml_min" of the space is not in the table'),
        ("NaCl_mM,MgCl2_mM,pump_ml_min\n20.5,many,1\n21,3,1\n", "MgCl2_mM"),
        ("NaCl_mM,MgCl2_mM,pump_ml_min\n", "no rows"),
    ],
)
def test_bad_start_designs_are_refused(start, text, said):
    with pytest.raises(MboError, match=said) as caught:
        opened(TABLES / "02_pipette_steps.csv", Wishes(target="activity", start=start(text)))
    assert caught.value.hint


def test_a_start_of_one_column(start):
    frame = pd.DataFrame({"heat": range(20, 50), "score": np.arange(30.0) ** 2})
    assert any(
        "1 start designs" in note for note in opened(frame, Wishes(target="score", start=start("heat\n33\n"))).notes
    )


@pytest.mark.slow
def test_a_search_uses_its_start(quick, start, tmp_path):
    quick(TABLES / "02_pipette_steps.csv", tmp_path / "out", target="activity", start=start(GERMAN), batch=2)
    used = pd.read_csv(tmp_path / "out/start.csv")
    assert used.to_numpy().tolist() == [[20.5, 3.1, 4.5], [46.7, 2.0, 6.0]]


def test_a_second_outcome_is_limited():
    made = opened(SUZUKI, Wishes(target="yld", limits=("ton >= 20",), ignore=("NAME",)))
    assert made.task.space.names == ("catalyst", "t_res", "temperature", "catalyst_loading")
    rows = read(SUZUKI).frame
    assert made.given.measured["ton"][made.best_place] == rows["ton"][rows["yld"].idxmax()]


@pytest.mark.slow
def test_a_limit_keeps_proposals_likely(quick):
    made = quick(SUZUKI, target="yld", limits=("ton>=20",), batch=4)
    assert all(one.kept >= 0.5 or one.flag == "do not trust" for one in made.proposals)
    free = quick(SUZUKI, target="yld", ignore=("ton",), batch=4)
    assert max(one.design["catalyst_loading"] for one in free.proposals) > 2.4
    assert min(one.kept for one in made.proposals) > 0.4


@pytest.mark.parametrize(
    ("name", "target"), [("06_minimise_impurity", "impurity_pct"), ("02_pipette_steps", "activity")]
)
def test_errors_of_scores_are_read(name, target, tmp_path):
    frame = read(TABLES / f"{name}.csv").frame
    cells = ["0,5", "n.d.", ">2", *["0,25"] * (len(frame) - 3)]
    frame.assign(sd=cells).to_csv(tmp_path / "lab.csv", sep=";", decimal=",", index=False)
    made = opened(tmp_path / "lab.csv", Wishes(target=target, minimize=name.startswith("06"), error="sd"))
    said = "sd: standard deviations of the scores, median 0.25; rows weigh 1 / (error² + median²); 2 unknown ones count"
    assert any(note.startswith(said) for note in made.notes)
    place = made.given.rows.tolist().index(0)
    weights = made.task.table.weights
    assert weights[place] / weights.max() == pytest.approx(2 / 5)
