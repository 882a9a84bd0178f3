from __future__ import annotations

import joblib
import numpy as np
import pytest
from mbo_design_bench import facts, rows, superconductor

from mbo_core.errors import TaskError

FACTS = facts.SUPERCONDUCTOR
FILE = FACTS.archive.file


def test_the_visible_part(superconductor_task):
    task = superconductor_task
    assert task.x.shape == (17_014, 86)
    assert task.y_min == pytest.approx(0.00021, rel=1e-6)
    assert task.y_max == 185
    assert task.best_in_data == 74


def test_best_visible_score_matches_published_tables(superconductor_task):
    best = superconductor_task.normalise(superconductor_task.y).max()
    assert best == pytest.approx(74 / 185, abs=1e-5)
    assert 0.399 <= best <= 0.400


def test_the_space_names_the_elements(superconductor_task):
    space, first = superconductor_task.space, superconductor_task.x[0]
    amounts = {space.names[place]: pytest.approx(first[place]) for place in first.nonzero()[0]}
    assert superconductor_task.kind == "continuous"
    assert len(set(space.names)) == space.length == 86
    assert [space.names.index(name) + 1 for name in ("H", "He", "Fe", "Xe", "Au", "Rn")] == [1, 2, 26, 54, 79, 86]
    assert amounts == {"O": 4, "Cu": 1, "Ba": 0.2, "La": 1.8}  # Ba0.2La1.8Cu1O4 is the first material of UCI 464


def test_the_rows_keep_the_order_of_the_file(superconductor_task, superconductor_folder):
    with np.load(superconductor_folder / FILE, allow_pickle=False) as archive:
        x, y = archive["x"], archive["y"]
    assert np.array_equal(superconductor_task.x, x[y <= 74])
    assert np.array_equal(superconductor_task.y, y[y <= 74])


def test_the_forest_ranks_unseen_rows(superconductor_task):
    notes = superconductor_task.info.notes
    assert 0.885 < notes["held_out_spearman"] < 0.925
    assert notes["oracle_seed"] == superconductor.SEED
    assert notes["scikit_learn"]


def test_the_forest_is_that_of_design_bench(superconductor_task):
    model = superconductor_task.oracle.members["0"].model
    assert (model.n_estimators, model.max_depth, model.max_features) == (100, 100, 1.0)
    assert model.estimators_[0].tree_.weighted_n_node_samples[0] == 1000


def test_the_forest_tops_out_below_the_best_row(superconductor_task, superconductor_folder):
    x, _ = rows.read(FACTS)
    assert 130 < superconductor_task.oracle.score(x).max() < 142


@pytest.mark.slow
def test_the_held_out_rows_were_held_out():
    rng = np.random.default_rng(1)
    x, y = rng.random((2000, 86)), rng.random(2000)
    _, correlation = superconductor.fit(x, y, 0)
    assert abs(correlation) < 0.2  # on its own rows a forest ranks even noise, at about 0.98


@pytest.mark.slow
def test_a_seed_decides_the_forest(superconductor_task, superconductor_folder):
    x, y = rows.read(FACTS)
    same, _ = superconductor.fit(x, y, superconductor.SEED)
    other, _ = superconductor.fit(x, y, superconductor.SEED + 1)
    scores = superconductor_task.oracle.score(x[:500])
    assert np.array_equal(same.score(x[:500]), scores)
    assert not np.array_equal(other.score(x[:500]), scores)


def test_design_scores_same_alone(superconductor_task):
    designs = np.random.default_rng(0).permutation(superconductor_task.x)[:40] * 1.01
    batch = superconductor_task.oracle.score(designs)
    alone = [superconductor_task.oracle.score(design[None])[0] for design in designs]
    with joblib.parallel_config(n_jobs=2):
        threads = superconductor_task.oracle.score(designs)
    assert np.array_equal(batch, alone)
    assert np.array_equal(batch, threads)
    assert len(set(batch)) > 20


def test_no_design_scores_nothing(superconductor_task):
    assert superconductor_task.oracle.score(np.empty((0, 86))).shape == (0,)


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (np.full((1, 86), np.nan), "design 0 has a value that is not a finite float32: nan at position 0"),
        (np.full((1, 86), np.inf), "not a finite float32: inf"),
        (np.full((1, 86), -1e39), r"not a finite float32: -1e\+39"),
        (np.zeros((1, 85)), r"shape \(1, 85\), not \(n, 86\)"),
        (np.zeros(86), r"shape \(86,\), not \(n, 86\)"),
    ],
)
def test_the_oracle_refuses_what_is_no_design(design, message):
    with pytest.raises(TaskError, match=message):
        superconductor.Forest(superconductor.NAME, 86, None).score(design)


def test_missing_file_is_searched_in_every_folder(empty):
    with pytest.raises(TaskError) as raised:
        superconductor.OFFER.load()
    message, hint = str(raised.value).split("hint:")
    assert str(empty) in message
    assert str(empty.parent / "user") in message
    assert "464" in hint
    assert "MBO_DATA_DIR" in hint


def test_offer_names_missing_files_in_one_line(empty):
    line = superconductor.OFFER.missing()
    assert FILE in line
    assert str(empty) in line
    assert "\n" not in line


def arrays(rows: int = 21_263, columns: int = 86, **more):
    return {"x": np.zeros((rows, columns)), "y": np.zeros(rows), **more}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (arrays(columns=81), r"x has shape \(21263, 81\), not \(n, 86\)"),
        (arrays(rows=5), "differs from the published"),
        (arrays(y=np.zeros((21_263, 1))), r"y has shape \(21263, 1\)"),
        (arrays(x=np.full((21_263, 86), np.nan)), "row 0 has nan at position 0"),
        ({"x": np.zeros(3)}, "cannot be read: .*y"),
        (arrays(y=np.full(21_263, "a")), "y has dtype <U1"),
        (arrays(y=np.full(21_263, None)), "cannot be read: .*allow_pickle"),
        (arrays(), "differs from the published"),
    ],
)
def test_a_wrong_file_is_an_error(empty, content, message):
    np.savez(empty / FILE, **content)
    with pytest.raises(TaskError, match=message) as raised:
        superconductor.load()
    assert str(empty) in str(raised.value)
    assert raised.value.hint == rows.hint(FACTS)


def flip(content: bytes) -> bytes:
    """The same bytes, forty of them wrong, within the numbers of x."""
    start = len(content) // 4
    return content[:start] + bytes(byte ^ 255 for byte in content[start : start + 40]) + content[start + 40 :]


DAMAGE = {
    "empty": lambda packed, plain: b"",
    "text": lambda packed, plain: b"x,y\n1,2\n",
    "cut": lambda packed, plain: packed[: len(packed) // 2],
    "flipped": lambda packed, plain: flip(packed),
    "flipped plain": lambda packed, plain: flip(plain),
    "a bare array": lambda packed, plain: plain[plain.index(b"\x93NUMPY") :][:1000],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_corrupt_file_is_an_error(empty, damage):
    path = empty / FILE
    np.savez_compressed(path, **arrays(rows=50))
    packed = path.read_bytes()
    np.savez(path, **arrays(rows=50))
    path.write_bytes(damage(packed, path.read_bytes()))
    with pytest.raises(TaskError, match="cannot be read"):
        superconductor.load()
