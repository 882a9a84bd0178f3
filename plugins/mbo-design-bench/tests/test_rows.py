"""The facts against data: small ones made here, and the real ones where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mbo_design_bench import facts, quadratic, rows, sequences, shards, tf_bind_8, tf_bind_10
from mbo_design_bench.layout import Archive, Layout

from mbo_core.errors import TaskError
from mbo_core.tasks import Space

REAL = {
    # all rows, visible rows, normalised score of the best visible row
    "GFP-Transformer-v0": (51_715, 5_000, 0.7764),
    "UTR-ResNet-v0": (280_000, 140_000, 0.5936),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_real_archives(name, data_folder, monkeypatch):
    monkeypatch.setenv("MBO_DATA_DIR", str(data_folder))
    known, (count, visible, best) = facts.named(name), REAL[name]
    task = rows.task(known, rows.read(known), quadratic.Paraboloid(), {"held_out_spearman": 0.8})
    assert task.info.notes["rows"] == count
    assert task.info.notes["held_out_spearman"] == 0.8
    assert task.x.shape == (visible, known.layout.space.length)
    assert task.x.max() == known.layout.space.classes - 1
    assert (task.y_min, task.y_max) == pytest.approx((known.y_min, known.y_max), rel=1e-6)
    assert task.normalise(task.y).max() == pytest.approx(best, abs=1e-4)
    said = rows.here(known).info.notes
    assert (said["rows"], said["best_visible_normalised"]) == (count, pytest.approx(best, abs=1e-3))


def test_gfp_wild_type_reads_as_a_protein(data_folder):
    with np.load(data_folder / "gfp.npz", allow_pickle=False) as archive:
        assert str(archive["alphabet"]) == "".join(facts.GFP.layout.space.alphabet)


def test_design_bench_has_these_tasks():
    names = [known.name for known in facts.ALL if known.design_bench]
    assert len(set(names)) == 9
    assert sum(known.layout.mirrored for known in facts.ALL) == 8
    counts = {known.layout.folder: known.layout.shards for known in facts.ALL if known.layout.mirrored}
    assert counts == {
        "tf_bind_8-SIX6_REF_R1": 1, "tf_bind_10-pho4": 84, "gfp": 12, "utr": 14, "superconductor": 5,
        "hopper_controller": 1, "ant_morphology": 1, "dkitty_morphology": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("TFBind10-Exact-v0", 0.005328223),
        ("AntMorphology-Exact-v0", 165.32648),
        ("DKittyMorphology-Exact-v0", 199.36252),
        ("Superconductor-RandomForest-v0", 74.0),
        ("HopperController-Exact-v0", 1361.6106),
    ],
)
def test_the_published_best_rows_fit_the_constants(name, raw):
    known = facts.named(name)
    assert (raw - known.y_min) / (known.y_max - known.y_min) == pytest.approx(known.best, abs=6e-4)


@pytest.mark.parametrize("known", facts.ALL, ids=lambda known: known.name)
def test_each_task_tells_all_of_it(known):
    info = known.info
    assert all([info.summary, info.source, info.licence, info.citation, info.comparable])
    assert {"y_min", "y_max", "visible_percentiles", "design"} <= info.notes.keys()
    assert ("files" in info.notes) == ("Design-Bench" in info.citation) == known.design_bench


def test_the_facts_fit_the_packaged_table():
    x, y = tf_bind_8.dataset()
    assert len(x) == facts.TF_BIND_8.rows
    assert np.array_equal(y[rows.visible(y, facts.TF_BIND_8)], tf_bind_8.load().y)


def test_visible_rows_include_both_ends():
    y = np.arange(11.0)
    known = replace(facts.GFP, percentiles=(50, 60), limit=None)
    assert y[rows.visible(y, known)].tolist() == [5, 6]


def test_the_draw_is_the_same_for_everyone():
    y = np.arange(100.0)
    known = replace(facts.TF_BIND_10, limit=5)
    assert np.flatnonzero(rows.visible(y, known)).tolist() == [2, 3, 11, 13, 20]


FAULTS = {
    "rows": ({"rows": 13}, "has 12 rows, not 13"),
    "largest": ({"y_max": 12.0}, "the largest y is 11, not 12 as published"),
    "smallest": ({"y_min": -1.0}, "the smallest y is 0, not -1 as published"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_other_data_are_refused(small, folder, change, message):
    with pytest.raises(TaskError, match=message) as raised:
        rows.from_folder(folder, replace(small, **change))
    assert "mbo data fetch GFP-Transformer-v0" in raised.value.hint


def test_what_is_missing_is_told_in_one_line(small, empty):
    assert rows.missing(small) == (
        f"gfp/ or gfp.npz is missing from {empty} and {empty.parent / 'user'}: mbo data fetch GFP-Transformer-v0"
    )
    with pytest.raises(TaskError, match=r"gfp/ or gfp\.npz is missing from"):
        rows.read(small)


def test_a_begun_folder_lacks_files(small, folder, empty):
    folder.rename(empty / "gfp")
    (empty / "gfp" / "gfp-x-1.npy").unlink()
    assert rows.missing(small) == f"{empty / 'gfp'} lacks 1 of 6 files: mbo data fetch GFP-Transformer-v0"


def test_complete_shards_precede_archive_and_partial_shards(small, folder, empty):
    np.savez(empty / "gfp.npz", x=np.zeros((2, 5), int), y=np.zeros(2))
    folder.rename(empty / "gfp")
    assert rows.place(small) == empty / "gfp"
    (empty / "gfp" / "gfp-y-2.npy").unlink()
    assert rows.place(small) == empty / "gfp.npz"
    assert rows.missing(small) is None


def test_facts_follow_the_present_rows(small, folder, empty):
    known = replace(small, archive=Archive("gfp.npz", "", rows=2, best=0.25))
    assert rows.here(known) is known
    (empty / "gfp.npz").touch()
    notes = sequences.offer(known, known).info.notes
    assert (notes["rows"], notes["best_visible_normalised"]) == (2, 0.25)
    folder.rename(empty / "gfp")
    assert rows.here(known) is known


def test_an_archive_of_other_numbers_is_refused(small, empty):
    np.savez(empty / "gfp.npz", x=np.zeros((2, 5), int), y=np.array([0.0, 11.0]))
    with pytest.raises(TaskError, match="differs from the published GFP-Transformer-v0: SHA-256"):
        rows.read(small)
    known = replace(small, archive=Archive("gfp.npz", "of floats"))
    np.savez(empty / "gfp.npz", x=np.zeros((2, 5)), y=np.array([0.0, 11.0]))
    with pytest.raises(TaskError, match=r"gfp\.npz: x has dtype float64"):
        rows.read(known)


def test_an_untrained_oracle_is_named_with_its_command(small, folder, empty):
    offer = sequences.offer(small, small)
    assert "mbo data fetch" in offer.missing()
    folder.rename(empty / "gfp")
    assert offer.missing() == "the oracle is not trained yet: mbo data train-oracle GFP-Transformer-v0 --seed 0"
    with pytest.raises(TaskError, match="the oracle is not trained yet"):
        offer.load()


@pytest.fixture
def ten(monkeypatch):
    """TF Bind 10 on 3-mers: 64 designs, each with two rows."""
    layout = Layout("tf_bind_10-pho4", "tf_bind_10", 4, Space.discrete(3, 4, facts.DNA))
    known = replace(facts.TF_BIND_10, layout=layout, limit=10, rows=128, y_min=0.0, y_max=127.0)
    for name, value in {"FACTS": known, "LENGTH": 3, "CUBE": (4, 4, 4)}.items():
        monkeypatch.setattr(tf_bind_10, name, value)
    return known


def every_design_twice():
    designs = np.stack(np.unravel_index(np.arange(64), (4, 4, 4)), axis=1)
    order = np.random.default_rng(0).permutation(128)
    return np.concatenate([designs, designs])[order], np.arange(128.0)


def test_tf_bind_10_scores_the_last_row(ten, empty):
    x, y = every_design_twice()
    shards.write(empty / "tf_bind_10-pho4", ten.layout, x, y)
    task = tf_bind_10.load()
    last = {tuple(design): score for design, score in zip(x.tolist(), y, strict=True)}
    assert task.oracle.score(x).tolist() == [last[tuple(design)] for design in x.tolist()]
    assert task.x.shape == (10, 3)
    assert task.y.max() <= 63.5
    assert np.array_equal(task.y, np.sort(task.y))
    assert (task.y_min, task.y_max) == (0, 127)


def test_measurements_of_a_design_have_a_spread(ten, empty):
    x, y = every_design_twice()
    shards.write(empty / "tf_bind_10-pho4", ten.layout, x, y)
    task = tf_bind_10.load()
    own = np.array([y[(x == design).all(axis=1)].std() for design in x[:9]])
    assert np.allclose(task.oracle.spread(x[:9]), own, atol=1e-12)
    assert task.info.notes["median_measurement_std_normalised"] > 0


def test_a_table_with_gaps_is_no_oracle(ten):
    x, y = every_design_twice()
    with pytest.raises(TaskError, match="1 of 64 designs have no row"):
        tf_bind_10.oracle((x[(x != x[0]).any(axis=1)], y[(x != x[0]).any(axis=1)]))


@pytest.mark.parametrize("design", [[[0, 0, 4]], [[0, 0]], [[0.0, 0.0, 0.0]]])
def test_tf_bind_10_refuses_what_is_no_design(ten, design):
    with pytest.raises(TaskError):
        tf_bind_10.oracle(every_design_twice()).score(np.array(design))
