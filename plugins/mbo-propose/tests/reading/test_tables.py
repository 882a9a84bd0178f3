"""The fifteen kinds of tables that people bring, and those of the same kinds that are made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mbo_propose.reading import read, target

from mbo_core.tasks.inference import infer

TABLES = Path(__file__).parents[1] / "tables"


@pytest.mark.parametrize(
    ("name", "score", "unit", "kinds"),
    [
        ("01_blend_fractions", "tensile_MPa", "MPa", "ffffi"),
        ("02_pipette_steps", "activity", "", "fff"),
        ("03_mixed_kinds", "yield_pct", "%", "OOiffO"),
        ("05_failed_and_missing", "conversion_pct", "%", "ffO"),
        ("07_bounds_exclude_data", "rate", "", "ff"),
        ("09_sequences_of_lengths", "log_affinity", "", "O"),
        ("10_batch_larger_than_space", "yield_pct", "%", "OOO"),
        ("13_lab_sheet", "recovery", "%", "OOOiff"),
        ("14_whole_amounts", "hardness", "", "iii"),
        ("15_noise_only", "score", "", "fffff"),
    ],
)
def test_tables_of_people_are_read(name, score, unit, kinds):
    table = read(TABLES / f"{name}.csv")
    found = target(table, score)
    assert found.unit == unit
    inputs = table.frame.drop(columns=score)
    assert "".join(inputs[column].dtype.kind for column in inputs) == kinds
    assert str(table.dialect) == "delimiter ',', decimal point, UTF-8"


def test_failures_and_gaps_are_counted():
    table = read(TABLES / "05_failed_and_missing.csv")
    assert target(table, "conversion_pct").notes == ["7 of 30 rows have no conversion_pct (7 blank)"]
    assert {name: int(count[""]) for name, count in table.absent.items()} == {
        "temp_C": 2, "conc_M": 1, "conversion_pct": 7, "remark": 23,
    }  # fmt: skip


def test_an_impurity_is_asked_about():
    table = read(TABLES / "06_minimise_impurity.csv")
    assert target(table, "impurity_pct").notes == [
        'target "impurity_pct" is maximised: is a smaller one better? Then say --minimize'
    ]


def test_a_lab_sheet_is_understood():
    table = read(TABLES / "13_lab_sheet.csv")
    inferred = infer(table.frame, ["recovery"])
    assert set(inferred.ignored) == {"exp_id", "date"}
    assert "may be names" in inferred.reasons["steel_grade"]
    assert "always" in inferred.reasons["operator"]
    assert table.units == {"volume": "mL", "recovery": "%"}
    assert target(table, "recovery").notes[0] == '2 of 24 rows have no recovery (1 "n.d.", 1 "<LOD")'


def test_sums_and_steps_survive_reading():
    inferred = infer(read(TABLES / "01_blend_fractions.csv").frame, ["tensile_MPa"])
    assert len(inferred.space.constraints) == 1
    steps = {column.name: column.step for column in inferred.space.columns}
    assert steps == dict.fromkeys(["resin_a", "resin_b", "filler", "plasticiser"], 0.05) | {"cure_temp_C": 5}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_every_table_survives_a_german_spreadsheet(tmp_path, encoding):
    for path in sorted(TABLES.glob("*.csv")):
        table = read(path)
        frame = table.frame.assign(Prüfer="Öz")
        again = tmp_path / f"{encoding}-{path.name}"
        frame.to_csv(again, sep=";", decimal=",", encoding=encoding, index=False, lineterminator="\r\n")
        second = read(again)
        pd.testing.assert_frame_equal(second.frame, frame, check_dtype=False)
        decimals = any(kind == "f" and (cells % 1 != 0).any() for kind, cells in _kinds(table.frame))
        assert second.dialect.sign == ("," if decimals else ".")


def _kinds(frame):
    return [(frame[name].dtype.kind, frame[name].dropna()) for name in frame]


def test_replicates_keep_their_measured_error(tmp_path):
    path = tmp_path / "replicates.csv"
    path.write_text(
        "heat,score,score_sd\n" + "".join(f"{heat},{heat + 0.5},0.1 \n{heat},{heat},0.2\n" for heat in range(5))
    )
    table = read(path)
    assert table.frame["score_sd"].tolist() == [0.1, 0.2] * 5
    assert table.frame["heat"].tolist() == sorted([*range(5)] * 2)


def test_hundreds_of_levels_are_read(tmp_path):
    path = tmp_path / "levels.csv"
    path.write_text("additive,score\n" + "".join(f"A-{row},{row}\n" for row in range(400)))
    assert read(path).frame["additive"].nunique() == 400


def test_two_targets_are_columns(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("heat,yield [%],cost [EUR]\n" + "".join(f"{row},{row},{9 - row}\n" for row in range(9)))
    table = read(path)
    assert target(table, "yield [%]").unit == "%"
    assert target(table, "Cost [eur]", minimize=True).unit == "EUR"


def test_a_column_that_never_varies(tmp_path):
    path = tmp_path / "constant.csv"
    path.write_text("heat,rpm,score\n" + "".join(f"{row},400 rpm,{row}\n" for row in range(9)))
    table = read(path)
    assert (table.frame["rpm"] == 400).all()
    assert "always 400" in infer(table.frame, ["score"]).reasons["rpm"]


def test_start_designs_are_read_alike(tmp_path):
    (tmp_path / "start.csv").write_text("temp_C;conc_M\n60,5;1,25\n70;0,5\n")
    assert np.array_equal(read(tmp_path / "start.csv").frame.to_numpy(), [[60.5, 1.25], [70, 0.5]])


@pytest.mark.slow
def test_many_rows_are_read(tmp_path):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{place}": generator.normal(size=200_000).round(3) for place in range(20)})
    frame.to_csv(tmp_path / "long.csv", index=False)
    pd.testing.assert_frame_equal(read(tmp_path / "long.csv").frame, frame)
