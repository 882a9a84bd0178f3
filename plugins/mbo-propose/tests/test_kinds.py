"""The kinds of tables that people bring, each through the command: how it is read, and what is proposed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mbo_propose.commands import propose

TABLES = Path(__file__).parent / "tables"


def told(table, *options):
    """What `mbo propose --json` prints for a table and a target."""
    done = CliRunner().invoke(propose, [*map(str, (table, "--target", *options)), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def read():
    """How a table is read: its columns by name, and the notes in one text."""

    def read(name, *options):
        found = told(TABLES / name, *options, "--dry-run")
        return {one.pop("column"): one for one in found["space"]}, "\n".join(found["notes"])

    return read


@pytest.fixture
def made(quick, tmp_path):
    """What is proposed: the frame of designs, and the object."""

    def made(table, *options):
        table = table if isinstance(table, Path) else TABLES / table
        asked = (*options, "--recipe", "ridge-evolution", "--out", tmp_path / "out")
        found = told(table, *asked)
        designs = pd.DataFrame([one["design"] for one in found["proposals"]])
        assert not designs.duplicated().any()
        return designs, found

    return made


def on(values, step):
    return np.allclose(np.asarray(values) / step, np.rint(np.asarray(values) / step), atol=1e-9)


def tried(name):
    return pd.read_csv(TABLES / name)


FRACTIONS = ["resin_a", "resin_b", "filler", "plasticiser"]


def test_fractions_are_seen_to_add_up(read):
    columns, notes = read("01_blend_fractions.csv", "tensile_MPa")
    assert "resin_a + resin_b + filler + plasticiser = 1 in every row" in notes
    assert {name: one["step"] for name, one in columns.items()} == dict.fromkeys(FRACTIONS, 0.05) | {"cure_temp_C": 5}


@pytest.mark.slow
def test_blends_can_be_weighed(made):
    designs, _ = made("01_blend_fractions.csv", "tensile_MPa", "--batch", 12)
    assert len(designs) == 12
    assert (designs[FRACTIONS].sum(axis=1) - 1).abs().max() < 1e-12
    assert on(designs[FRACTIONS], 0.05)
    assert on(designs["cure_temp_C"], 5)
    assert designs.min().min() >= 0


def test_steps_of_a_pump_are_seen(read):
    columns, notes = read("02_pipette_steps.csv", "activity")
    assert {name: one["step"] for name, one in columns.items()} == {"NaCl_mM": 0.1, "MgCl2_mM": 0.1, "pump_ml_min": 0.5}
    assert "pump_ml_min: amounts from 1 to 6 in steps of 0.5" in notes


@pytest.mark.slow
def test_a_pump_can_do_it(made):
    designs, found = made("02_pipette_steps.csv", "activity", "--batch", 14)
    assert on(designs[["NaCl_mM", "MgCl2_mM"]], 0.1)
    assert on(designs["pump_ml_min"], 0.5)
    assert designs.min().min() >= 0
    assert found["verdict"] == "supports"


@pytest.mark.slow
def test_predictions_are_those_of_proposed_designs(made, tmp_path):
    """The same proxy says of the designs in proposals.csv what is printed."""
    import mbo_core as mbo

    designs, found = made("02_pipette_steps.csv", "activity", "--batch", 4)
    frame = tried("02_pipette_steps.csv")
    task = mbo.Task("again", frame, target="activity", space=mbo.Space.infer(frame, ["activity"]).space)
    proxy = mbo.run(tmp_path / "out" / "recipe.toml", task, seeds=[0])
    x = task.space.read({name: designs[name].tolist() for name in task.space.names})
    assert np.allclose(proxy.predict(x).mean, [one["predicted"] for one in found["proposals"]], rtol=1e-4)


def test_kinds_of_columns_stay_what_they_are(read):
    columns, _ = read("03_mixed_kinds.csv", "yield_pct")
    kinds = {name: one["kind"] for name, one in columns.items()}
    assert kinds == {
        "catalyst": "category", "solvent": "category", "temp_C": "whole", "time_h": "real", "base_equiv": "real",
        "dry_solvent": "category",
    }  # fmt: skip
    assert columns["base_equiv"]["step"] == 0.25
    assert columns["dry_solvent"]["levels"] == ["no", "yes"]


@pytest.mark.slow
def test_mixed_designs_can_be_made(made):
    designs, _ = made("03_mixed_kinds.csv", "yield_pct", "--batch", 8)
    before = tried("03_mixed_kinds.csv")
    for name in ("catalyst", "solvent", "dry_solvent", "time_h"):
        assert set(designs[name]) <= set(before[name].fillna("none"))
    assert designs["temp_C"].dtype.kind == "i"
    assert on(designs["base_equiv"], 0.25)


def test_failures_and_gaps_are_counted_aloud(read):
    _, notes = read("05_failed_and_missing.csv", "conversion_pct")
    assert "7 of 30 rows have no conversion_pct" in notes
    assert "3 of 23 rows with a score lack an input (temp_C: 2, conc_M: 1): filled in with the median" in notes
    assert "designs without a score are not proposed again" in notes


@pytest.mark.slow
def test_what_clogs_is_not_proposed(made):
    """Above 98 C no experiment has a score."""
    designs, found = made("05_failed_and_missing.csv", "conversion_pct", "--batch", 14)
    assert designs["temp_C"].max() <= 100
    frame = pd.read_csv(Path(found["folder"]) / "proposals.csv")
    assert (frame["success"] > 0.5).all()
    assert any("the chance of success was learned" in note for note in found["notes"])
    failed = tried("05_failed_and_missing.csv").query("conversion_pct.isna()")[["temp_C", "conc_M"]]
    assert not set(designs.itertuples(index=False, name=None)) & set(failed.itertuples(index=False, name=None))


def test_an_impurity_to_maximise_is_asked_about(read):
    _, notes = read("06_minimise_impurity.csv", "impurity_pct")
    assert notes.count("is a smaller one better? Then say --minimize") == 1
    _, notes = read("06_minimise_impurity.csv", "impurity_pct", "--minimize")
    assert "smaller" not in notes


@pytest.mark.slow
def test_less_impurity_is_proposed(made):
    _, found = made("06_minimise_impurity.csv", "impurity_pct", "--minimize", "--batch", 6)
    before = tried("06_minimise_impurity.csv")["impurity_pct"]
    assert found["best_tried"] == before.min()
    assert all(0 < one["predicted"] < before.median() for one in found["proposals"])


def test_a_new_limit_keeps_hotter_rows(read):
    space = TABLES / "07_bounds_exclude_data.space.toml"
    columns, notes = read("07_bounds_exclude_data.csv", "rate", "--space", space)
    before = tried("07_bounds_exclude_data.csv")
    hotter, inside = (before["temp_C"] > 80).sum(), before[before["temp_C"] <= 80]
    assert (columns["temp_C"]["lower"], columns["temp_C"]["upper"]) == (40, 80)
    assert f"{hotter} of 30 rows lie outside the space (temp_C: {hotter})" in notes
    assert f"the best row inside has rate = {inside['rate'].max()}" in notes


@pytest.mark.slow
def test_nothing_hotter_than_the_limit(made):
    space = TABLES / "07_bounds_exclude_data.space.toml"
    designs, found = made("07_bounds_exclude_data.csv", "rate", "--space", space, "--batch", 6)
    before = tried("07_bounds_exclude_data.csv")
    assert designs["temp_C"].max() <= 80
    assert found["best_tried"] == before[before["temp_C"] <= 80]["rate"].max()


def test_lengths_of_sequences_are_told(read):
    columns, notes = read("09_sequences_of_lengths.csv", "log_affinity")
    assert columns["sequence"]["kind"] == "sequence"
    assert columns["sequence"]["levels"][-1] == "-"
    assert "4 of 13, 30 of 14, 2 of 15" in notes
    assert "or keep only the 30 of 14 letters" in notes


@pytest.mark.slow
def test_sequences_of_any_tried_length(made):
    designs, _ = made("09_sequences_of_lengths.csv", "log_affinity", "--batch", 6)
    assert designs["sequence"].str.fullmatch("[A-Z]{10,15}").all()


@pytest.mark.slow
def test_four_designs_are_left(made):
    designs, found = made("10_batch_larger_than_space.csv", "yield_pct", "--batch", 16)
    before = set(tried("10_batch_larger_than_space.csv").iloc[:, :3].itertuples(index=False, name=None))
    assert found["asked"] == 16
    assert len(before) + len(designs) == 18
    assert not before & set(designs.itertuples(index=False, name=None))
    assert any("4 of 16 designs could be proposed" in note for note in found["notes"])


def test_a_lab_sheet_is_explained(read):
    columns, notes = read("13_lab_sheet.csv", "recovery")
    assert list(columns) == ["operator", "steel_grade", "pH", "volume"]
    assert columns["operator"]["kind"] == "fixed"
    for said in (
        "exp_id: ignored", "date: ignored, dates", "304 and 316 may be names: if so, make it a category",
        'volume: the unit "mL" was read off the cells', '2 of 24 rows have no recovery (1 "n.d.", 1 "<LOD")',
    ):  # fmt: skip
        assert said in notes


@pytest.mark.slow
def test_a_lab_sheet_gets_its_units_back(made):
    designs, found = made("13_lab_sheet.csv", "recovery", "--batch", 4)
    assert set(designs["operator"]) == {"P-77"}
    assert set(designs["steel_grade"]) <= {304, 316}
    assert all(cell.endswith(" mL") for cell in pd.read_csv(Path(found["folder"]) / "proposals.csv")["volume"])
    assert all(one["predicted"] > 40 for one in found["proposals"])


def test_steel_grades_can_become_names(tmp_path):
    """The space that is written says so once it is corrected."""
    path = tmp_path / "space.toml"
    done = CliRunner().invoke(
        propose, [str(TABLES / "13_lab_sheet.csv"), "--target", "recovery", "--save-space", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert "# steel_grade: " in path.read_text()
    path.write_text('[columns.steel_grade]\nkind = "category"\n')
    found = told(TABLES / "13_lab_sheet.csv", "recovery", "--space", path, "--dry-run")
    assert next(one for one in found["space"] if one["column"] == "steel_grade")["levels"] == ["304", "316"]


def test_whole_numbers_stay_amounts(read):
    columns, notes = read("14_whole_amounts.csv", "hardness")
    assert {one["kind"] for one in columns.values()} == {"whole"}
    assert (columns["layers"]["lower"], columns["layers"]["upper"]) == (1, 5)
    assert "hours: whole amounts from 1 to 24" in notes


@pytest.mark.slow
def test_hardness_stays_within_reason(made):
    designs, found = made("14_whole_amounts.csv", "hardness", "--batch", 6)
    assert all(kind.kind == "i" for kind in designs.dtypes)
    assert all(one["predicted"] < 2 * found["best_tried"] for one in found["proposals"])


@pytest.mark.slow
def test_noise_supports_nothing(made):
    _, found = made("15_noise_only.csv", "score", "--batch", 4)
    assert found["verdict"] == "does not"
    assert {one["flag"] for one in found["proposals"]} == {"do not trust"}
    assert json.loads((Path(found["folder"]) / "proposals.json").read_text())["helps"]


def table(rows=24, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"temp": rng.integers(20, 90, rows), "acid": rng.uniform(0, 2, rows).round(2)})
    return frame.assign(purity=(frame["temp"] / 2 + 8 * frame["acid"] + rng.normal(0, 1, rows)).round(1))


@pytest.fixture
def written(tmp_path):
    """A frame as a file."""

    def written(frame, name="lab.csv", **how):
        frame.to_csv(tmp_path / name, index=False, **how)
        return tmp_path / name

    return written


def test_replicates_with_measured_errors_are_pooled(written):
    frame = pd.concat([table(), table().assign(purity=lambda one: one["purity"] + 1)]).assign(sd=0.5)
    notes = told(written(frame), "purity", "--error", "sd", "--dry-run")["notes"]
    assert any(note.startswith("sd: standard deviations of the scores, median 0.5") for note in notes)
    assert any("pooled standard deviation" in note for note in notes)


def test_a_german_sheet_with_units(written):
    frame = table().rename(columns={"acid": "Säure"}).astype({"temp": "float"})
    path = written(frame, sep=";", decimal=",", encoding="cp1252")
    lines = path.read_text(encoding="cp1252").splitlines()
    path.write_text("\n".join([lines[0], "°C;mol/l;%", *lines[1:]]), encoding="cp1252")
    found = told(path, "purity", "--dry-run")
    assert "delimiter ';', decimal comma, Windows-1252, a line of units" in found["notes"]
    assert [one["column"] for one in found["space"]] == ["temp", "Säure"]


@pytest.mark.slow
def test_hundreds_of_rare_levels(made, written):
    frame = table(400).assign(additive=[f"A-{row if row < 150 else 150 + row % 50}" for row in range(400)])
    designs, found = made(written(frame), "purity", "--batch", 6)
    assert set(designs["additive"]) <= set(frame["additive"])
    rare = frame["additive"].value_counts().pipe(lambda count: set(count[count < 2].index))
    flags = {one["design"]["additive"]: one["flag"] for one in found["proposals"]}
    assert all(flag != "close" for level, flag in flags.items() if level in rare)


def test_texts_that_occur_once_are_asked_about(written):
    frame = table().assign(remark=[f"as {row} before" for row in range(24)], additive=["A", "B", *"CDEFGHIJKL"] * 2)
    notes = "\n".join(told(written(frame), "purity", "--dry-run")["notes"])
    assert "remark: ignored, a name for each row (as 0 before, as 1 before, ...)" in notes
    assert "additive: category of 12 levels: A, B, C, D, E, F, ..." in notes


def test_what_is_measured_is_asked_about(written):
    """It would be proposed like a setting: what came out of the experiments, or lacks where they failed."""
    frame = table().assign(Selectivity=90.5, train=lambda one: one["purity"] - 1, rate=np.geomspace(1e-5, 0.1, 24))
    frame.loc[[2, 5, 9, 11], ["purity", "train"]] = np.nan
    frame["Selectivity"] += frame["acid"]
    notes = "\n".join(told(written(frame), "purity", "--dry-run")["notes"])
    assert "Selectivity: taken as an input: is it measured, and not set? Then say --ignore" in notes
    assert "train: taken as an input, and is empty where the score is: is it measured" in notes
    assert "rate: the largest value is 10000 times the smallest: if ratios matter, say log = true" in notes
    assert notes.count("is it measured") == 2


def test_two_targets_are_refused(written):
    path = written(table().assign(cost=1.5))
    done = CliRunner().invoke(propose, [str(path), "--target", "purity", "--target", "cost"])
    assert (done.exit_code, '--limit "cost<=..."' in done.stderr) == (2, True)


def test_what_never_varies_is_kept(written):
    found = told(written(table().assign(rpm=400)), "purity", "--dry-run")
    assert next(one for one in found["space"] if one["column"] == "rpm")["kind"] == "fixed"
    assert any(note == "rpm: it is always 400" for note in found["notes"])


def test_own_start_designs_are_read_alike(written):
    """In the dialect of people, and moved into the space aloud."""
    start = written(pd.DataFrame({"temp": [60, 400], "acid": [1.25, 0.5]}), "start.csv", sep=";", decimal=",")
    notes = told(written(table()), "purity", "--start", start, "--dry-run")["notes"]
    assert "1 of 2 start designs lay outside the space and were moved into it" in notes
