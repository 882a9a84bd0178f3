from __future__ import annotations

import numpy as np
import pytest
from mbo_design_bench import build_rna, rna
from mbo_design_bench.facts_beyond import RNA, RNA_FOUND, RNA_TARGETS

from mbo_core.errors import TaskError

OFFERS = {offer.name: offer for offer in rna.OFFERS}
NUMBERS = {1: 5_060, 2: 5_026, 3: 5_028}


@pytest.fixture
def vienna():
    return pytest.importorskip("RNA", reason="the extra `rna` is not installed")


def test_the_designs_are_uniform_and_differ():
    x = rna.designs()
    assert x.shape == (10_000, 14)
    assert len(np.unique(x, axis=0)) == len(x)
    shares = np.stack([(x == token).mean(axis=0) for token in range(4)])
    assert abs(shares - 0.25).max() < 0.02
    assert "".join(rna.LETTERS[x[0]]) == FIRST


FIRST = "GGAUAAUUUGGUUA"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_visible_half(number, vienna):
    task = rna.OFFERS[number - 1].load()
    _, energy, minimum = rna.dataset(number)
    y = rna.scores(energy, minimum, RNA_TARGETS[number - 1])
    assert task.x.shape == (NUMBERS[number], 14)
    assert task.best_in_data == np.percentile(y, 50)
    assert (task.y_min, task.y_max) == (0, 1)
    assert 0 < y.min() < task.best_in_data < 0.31 < 0.78 < y.max() < 1
    assert task.info.notes["viennarna"] == vienna.__version__


@pytest.mark.parametrize("number", NUMBERS)
def test_score_is_duplex_energy_over_its_minimum(number, vienna):
    task, target = rna.OFFERS[number - 1].load(), RNA_TARGETS[number - 1]
    own = target.translate(str.maketrans("ACGU", "UGCA"))[::-1]
    lowest = vienna.duplexfold(own, target).energy * 14 / 100
    words = ["".join(rna.LETTERS[design]) for design in task.x[:20]]
    expected = [vienna.duplexfold(target, word).energy / lowest for word in words]
    np.testing.assert_allclose(task.oracle.score(task.x[:20]), expected, rtol=1e-12)


@pytest.mark.parametrize("number", NUMBERS)
def test_rows_score_their_label_alone_and_batched(number, vienna):
    task = rna.OFFERS[number - 1].load()
    rows = np.random.default_rng(0).permutation(len(task.x))[:100]
    assert np.array_equal(task.oracle.score(task.x[rows]), task.y[rows])
    assert np.array_equal([task.oracle.score(task.x[row][None])[0] for row in rows[:10]], task.y[rows[:10]])
    assert task.oracle.score(np.empty((0, 14), np.int64)).shape == (0,)


@pytest.mark.parametrize("number", NUMBERS)
def test_best_design_scores_as_its_note_says(number, vienna):
    task = rna.OFFERS[number - 1].load()
    word, score = RNA_FOUND[number]
    tokens = np.array([["ACGU".index(letter) for letter in word]])
    assert task.oracle.score(tokens)[0] == pytest.approx(score, abs=5e-5)


def test_other_parameters_of_viennarna_are_refused(vienna, monkeypatch):
    monkeypatch.setattr(vienna.cvar, "temperature", 30.0)
    with pytest.raises(TaskError, match=r"scores row 0 as .*, but the data have"):
        rna.OFFERS[0].load()


def test_the_script_writes_the_packaged_energies(vienna, tmp_path, monkeypatch):
    all_designs = rna.designs()
    monkeypatch.setattr(rna, "designs", lambda: all_designs[:5])
    build_rna.main.callback(tmp_path / "built.npz")
    with np.load(tmp_path / "built.npz", allow_pickle=False) as built:
        monkeypatch.undo()
        found = [rna.dataset(number) for number in NUMBERS]
        assert np.array_equal(built["energies"], [energy[:5] for _, energy, _ in found])
        assert built["minima"].tolist() == [minimum for _, _, minimum in found]


@pytest.mark.parametrize("design", [np.full((1, 14), 4), np.zeros((1, 13), int), np.zeros((1, 14))])
def test_the_oracle_refuses_what_is_no_design(design):
    with pytest.raises(TaskError, match="T: design"):
        rna.Duplex("T", RNA_TARGETS[0], -1).score(design)


def test_without_viennarna_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(rna, "find_spec", lambda _: None)
    assert "mbo-design-bench[rna]" in rna.OFFERS[0].missing()
    with pytest.raises(TaskError, match="needs ViennaRNA"):
        rna.OFFERS[0].load()


def test_targets_have_100_letters():
    assert [len(target) for target in RNA_TARGETS] == [100] * len(RNA) == [100] * 3
