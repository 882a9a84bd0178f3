"""What kinds of tables people bring, and what must come out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mbo_propose.pipeline import opened
from mbo_propose.wishes import Wishes


def multiples(values, step):
    return np.abs(np.array(values) / step - np.rint(np.array(values) / step)) < 1e-9


def test_fractions_add_up_on_their_steps(quick, blend):
    made = quick(blend, batch=8)
    frame = made.frame()
    assert len(frame) == 8
    assert (frame[["resin", "filler", "oil"]].sum(axis=1) - 1).abs().max() < 1e-9
    assert multiples(frame[["resin", "filler", "oil"]], 0.05).all()
    assert multiples(frame["temp_C"], 5).all()
    assert "resin + filler + oil = 1 in every row" in made.notes


def test_proposals_are_new_and_distinct(quick, blend):
    columns = ["resin", "filler", "oil", "temp_C"]
    found = quick(blend, batch=12).frame()[columns].round(6).apply(tuple, axis=1)
    assert len(set(found)) == 12
    assert not set(found) & set(blend[columns].apply(tuple, axis=1))


def test_failures_are_never_proposed_again(quick, clogs):
    made = quick(clogs, batch=6)
    assert len(made.given.failed) == clogs["score"].isna().sum()
    assert any("chance of success was learned" in note for note in made.notes)
    assert made.frame()["temp"].max() < 103
    assert all(one.success > 0.5 for one in made.proposals)


@pytest.mark.slow
def test_scattered_gaps_teach_no_failure(quick, blend):
    blend.loc[[3, 11, 19, 27], "score"] = np.nan
    made = quick(blend, batch=3)
    assert all(one.success is None for one in made.proposals)
    assert any("do not lie together" in note for note in made.notes)


@pytest.mark.parametrize(("gaps", "said"), [(2, "left out"), (9, "filled in with the median")])
def test_missing_inputs_are_counted(quick, blend, gaps, said):
    blend.loc[range(gaps), "temp_C"] = np.nan
    made = quick(blend, batch=2)
    assert any(f"{gaps} of 30 rows" in note and said in note for note in made.notes)
    assert len(made.frame()) == 2


@pytest.mark.slow
def test_less_can_be_better(quick, blend):
    less = quick(blend.assign(score=-blend["score"]), minimize=True, batch=4)
    more = quick(blend, batch=4)
    assert less.best_tried == -more.best_tried
    assert np.allclose(less.frame()["predicted"], -more.frame()["predicted"], atol=1e-4)
    assert [one.gain for one in less.proposals] == pytest.approx([one.gain for one in more.proposals], abs=1e-4)


@pytest.mark.slow
def test_bounds_hold_only_for_proposals(quick, clogs, tmp_path):
    space = tmp_path / "space.toml"
    space.write_text("[columns.temp]\nbounds = [40.0, 80.0]\n")
    made = quick(clogs.dropna(), space=space, batch=4)
    assert made.frame()["temp"].max() <= 80
    assert (made.task.x[:, 0] > 80).any()
    inside = clogs[clogs["temp"] <= 80]
    assert made.best_tried == inside["score"].max()


def test_a_small_space_gives_what_is_left(quick):
    grid = pd.MultiIndex.from_product([["L1", "L2", "L3"], ["a", "b", "c"]], names=["ligand", "base"]).to_frame(
        index=False
    )
    tried = grid.iloc[:-1].assign(score=np.arange(8.0))
    twice = pd.concat([tried, tried])
    made = quick(twice, batch=16)
    assert made.frame()[["ligand", "base"]].to_numpy().tolist() == [["L3", "c"]]
    assert any("1 of 16 designs could be proposed" in note for note in made.notes)


@pytest.mark.slow
def test_whole_numbers_are_amounts(quick):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"temp": rng.integers(20, 91, 40), "hours": rng.integers(1, 25, 40)})
    made = quick(frame.assign(score=frame["temp"] / 2 + frame["hours"]), batch=3)
    assert [one.kind for one in made.columns] == ["whole", "whole"]
    assert made.frame()["predicted"].max() < 1.5 * made.best_tried


@pytest.mark.slow
def test_sequences_keep_their_lengths(quick):
    rng = np.random.default_rng(5)
    words = ["".join(rng.choice(list("ACDEFGHIKL"), rng.choice([7, 8]))) for _ in range(40)]
    frame = pd.DataFrame({"peptide": words, "score": [word.count("K") + 0.1 * word.count("A") for word in words]})
    made = quick(frame, batch=3)
    assert {len(word) for word in made.frame()["peptide"]} <= {1, 2, 3, 4, 5, 6, 7, 8}
    assert "7 to 8 letters" in made.columns[0].why


def test_noise_is_not_trusted(quick):
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.uniform(size=(60, 3)).round(3), columns=["a", "b", "c"])
    made = quick(frame.assign(score=rng.normal(50, 4, 60).round(2)), batch=3)
    assert made.verdict == "does not"
    assert {one.flag for one in made.proposals} == {"do not trust"}
    assert made.helps


@pytest.mark.slow
def test_measured_columns_can_be_limited(quick, clogs):
    frame = clogs.dropna().assign(cost=lambda one: one["temp"] / 10)
    made = quick(frame, limits=("cost<=7",), batch=4)
    assert "cost" not in made.frame().columns
    assert made.frame()["temp"].max() < 75
    assert all(one.kept >= 0.5 for one in made.proposals)


@pytest.mark.parametrize(("minimize", "best"), [(False, 120.0), (True, 0.5)])
def test_limits_may_be_the_best(clogs, minimize, best):
    cells = clogs["score"].dropna().map(str).tolist()
    cells[3:8] = [">120", ">120", "<0.5", "<LOD", "n.d."]
    made = opened(clogs.dropna().assign(score=cells), Wishes(target="Score", minimize=minimize))
    assert made.best_tried == best
    assert made.given.failed_rows.tolist() == [6, 7]
    side = "<0.5" if minimize else ">120"
    count = 'score: limits count as the number that they name: 2 ">120", 1 "<0.5"'
    assert f'{count}; those of "{side}" may be better than that' in made.notes


def test_limited_columns_count_their_limits(clogs):
    clogs = clogs.dropna().assign(cost=lambda one: one["temp"].round())
    clogs["cost"] = [">90" if cost > 90 else str(cost) for cost in clogs["cost"]]
    made = opened(clogs, Wishes(target="score", limits=("cost<=60",)))
    assert made.given.measured["cost"].max() == 90
    assert np.isfinite(made.given.measured["cost"]).all()


def test_measured_errors_weigh_the_rows(clogs):
    frame = clogs.dropna().reset_index(drop=True).assign(sd=[0.1, *[1.0] * (clogs["score"].notna().sum() - 1)])
    made = opened(frame, Wishes(target="score", error="sd"))
    weights = made.task.table.weights
    assert weights[0] / weights[1] == pytest.approx(2 / 1.01)
    assert "sd" not in made.task.space.names


@pytest.mark.slow
def test_replicates_are_pooled(quick, blend):
    made = quick(pd.concat([blend, blend.assign(score=blend["score"] + 2)]), batch=2)
    assert len(made.task.y) == len(blend.drop_duplicates(["resin", "filler", "oil", "temp_C"]))
    assert made.task.table.replicates.pooled_std == pytest.approx(2**0.5, rel=0.2)
    assert any("pooled standard deviation" in note for note in made.notes)


@pytest.mark.slow
def test_columns_can_be_fixed(quick, blend):
    assert set(quick(blend, fix={"temp_C": "80"}, batch=3).frame()["temp_C"]) == {80}


@pytest.mark.slow
def test_rows_are_those_of_the_table(quick, clogs):
    made = quick(clogs, batch=4)
    for one in made.proposals:
        row = clogs.iloc[one.nearest_row]
        raw = np.array([[row["temp"], row["conc"]], [one.design["temp"], one.design["conc"]]])
        scale = made.given.tried.std(0) * made.spacing[0]
        assert np.linalg.norm((raw[0] - raw[1]) / scale) == pytest.approx(one.distance)
