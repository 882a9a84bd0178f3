"""A run's folder gives the same result back, with proxies that can be asked about new designs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mbo_grad_ascent.proxy import Ensemble, Regression
from mbo_grad_ascent.update import GradientAscent
from ordinary import Ordinary

import mbo_core as mbo
from mbo_core.stages import NoUpdate
from mbo_core.tasks import Space

X = np.random.default_rng(0).normal(size=(200, 3))
TOKENS = np.random.default_rng(0).integers(0, 3, size=(200, 4))
SMALL = {"proxy": Regression(epochs=2, hidden=(8,), held_out=0), "update": GradientAscent(steps=2, candidates=10)}


def bowl(**more) -> mbo.Task:
    return mbo.Task("bowl", X, 10 - (X**2).sum(1), oracle=lambda designs: 10 - (designs**2).sum(1), **more)


def words() -> mbo.Task:
    space = Space.discrete(4, 3, alphabet=("A", "B", "C"))
    return mbo.Task("words", TOKENS, TOKENS.sum(1), space=space, oracle=lambda designs: designs.sum(1))


@pytest.fixture(scope="module", params=[bowl, words])
def stored(request, tmp_path_factory) -> mbo.Result:
    return mbo.run(SMALL, request.param(), seeds=[0, 5], out=tmp_path_factory.mktemp("runs") / "run")


def test_a_folder_gives_the_result_back(stored):
    loaded = mbo.load(stored.folder)
    assert json.dumps(loaded.summary()) == json.dumps(stored.summary())
    assert (loaded.recipe, loaded.status, loaded.seeds) == (stored.recipe, "done", (0, 5))
    np.testing.assert_array_equal(loaded.designs, stored.designs)
    assert loaded.frame().equals(stored.frame())
    assert [trial.steps for trial in loaded.trials.values()] == [list(one.steps) for one in stored.trials.values()]
    assert repr(loaded) == repr(stored)


def test_its_proxies_predict_as_they_did(stored):
    x = stored.designs[1]
    now, then = mbo.load(stored.folder).predict(x), stored.predict(x)
    np.testing.assert_array_equal(now.means, then.means)
    if stored.task.kind == "continuous":  # else the proxy was asked about logits that moved, and not about tokens
        np.testing.assert_allclose(then.means[1], stored.trials[5].predicted, rtol=1e-4, atol=1e-4)


def test_predictions_are_per_seed_and_combined():
    predicted = mbo.run(
        {**SMALL, "proxy": Ensemble(epochs=1, hidden=(4,), members=2, held_out=0)}, bowl(), seeds=3
    ).predict(X[:7])
    assert predicted.means.shape == predicted.stds.shape == (3, 7)
    np.testing.assert_allclose(predicted.mean, predicted.means.mean(0))
    np.testing.assert_allclose(predicted.std**2, (predicted.stds**2).mean(0) + predicted.means.var(0))
    assert (predicted.stds > 0).all()


def test_designs_outside_the_space_are_refused(stored):
    with pytest.raises(mbo.TaskError, match="designs have shape"):
        stored.predict(np.zeros((2, 9)))


def test_without_a_proxy_there_is_nothing_to_ask():
    result = mbo.run({"update": NoUpdate()}, bowl(), seeds=1)
    with pytest.raises(mbo.MboError, match="no trained proxy that predicts scores"):
        result.predict(X)


@pytest.mark.parametrize(
    ("limit", "keep", "kept"), [(10**9, None, True), (10, None, False), (10, True, True), (10**9, False, False)]
)
def test_small_proxies_are_stored_and_others_on_request(limit, keep, kept, tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.prediction.KEPT_BYTES", limit)
    result = mbo.run(SMALL, bowl(), seeds=2, out=tmp_path / "run", keep_proxy=keep)
    assert [(tmp_path / "run/seeds" / seed / "proxy.safetensors").exists() for seed in "01"] == [kept, kept]
    if not kept:
        with pytest.raises(mbo.StoreError, match="holds no proxies") as refused:
            mbo.load(tmp_path / "run", task=result.task).predict(X)
        assert "--keep-proxy" in refused.value.hint


def test_a_proxy_in_ordinary_pytorch_is_stored_too(tmp_path):
    result = mbo.run({"proxy": Ordinary(), "update": NoUpdate()}, bowl(), seeds=2, out=tmp_path / "run")
    loaded = mbo.load(tmp_path / "run", plugins=[Path(__file__).parents[1] / "ordinary.py"])
    np.testing.assert_array_equal(loaded.predict(X).means, result.predict(X).means)


def test_an_unstorable_proxy_warns_on_request(tmp_path, capsys):
    for keep in (None, True):
        recipe = {"proxy": Ordinary(keeps="nothing"), "update": NoUpdate()}
        assert mbo.run(recipe, bowl(), seeds=2, out=tmp_path / str(keep), keep_proxy=keep).status == "done"
        assert capsys.readouterr().err.count('proxy "ordinary" is not stored') == (1 if keep else 0)


def test_a_changed_proxy_is_refused(tmp_path):
    """One that predicts differently than in its run."""
    mbo.run(SMALL, bowl(), seeds=1, out=tmp_path / "run")
    with pytest.raises(mbo.StoreError, match="predicts differently than in its run"):
        mbo.load(tmp_path / "run", task=mbo.Task("bowl", X + 1, X.sum(1))).predict(X)


def test_the_task_of_a_stored_run(tmp_path, monkeypatch):
    """It is found by name, in the folder, or given."""
    mbo.run(SMALL, "Quadratic2D-Exact-v0", seeds=1, out=tmp_path / "named")
    assert mbo.load(tmp_path / "named").task.oracle is not None
    assert not (tmp_path / "named/table.safetensors").exists()
    mbo.run(SMALL, bowl(y_max=99.0), seeds=1, out=tmp_path / "own")
    loaded = mbo.load(tmp_path / "own").task
    assert loaded.y_max == 99.0
    np.testing.assert_array_equal(loaded.x, X)
    (tmp_path / "own/table.safetensors").unlink()
    with pytest.raises(mbo.StoreError, match='task "bowl" of the run') as refused:
        mbo.load(tmp_path / "own")
    assert "task=mbo.Task(" in refused.value.hint
    assert mbo.load(tmp_path / "own", task=bowl()).task.y_max == 10 - (X**2).sum(1).min()


def test_a_large_table_is_not_stored(tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.loading.KEPT_BYTES", 100)
    mbo.run(SMALL, bowl(), seeds=1, out=tmp_path / "run")
    assert not (tmp_path / "run/table.safetensors").exists()


def test_a_failed_seed_stays_failed(tmp_path):
    def fails(designs):
        if not (designs[:, None] == X).all(-1).any(-1).all():  # rows of the data are scored before the training
            raise ValueError("no power")
        return designs.sum(1)

    task = mbo.Task("bowl", X, X.sum(1), oracle=fails)
    result = mbo.run(SMALL, task, seeds=1, out=tmp_path / "run")
    loaded = mbo.load(tmp_path / "run")
    assert loaded.failed == result.failed == {0: "ValueError: no power"}
    assert loaded.trials[0].scores == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", "{}", "is not a run"),
        ("seeds/0/designs.safetensors", "x", "it has changed since it was written"),
        ("table.safetensors", "x", "it has changed since it was written"),
    ],
)
def test_a_corrupt_file_is_named(name, content, message, tmp_path):
    mbo.run(SMALL, bowl(), seeds=1, out=tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    with pytest.raises(mbo.StoreError, match=message):
        mbo.load(tmp_path / "run")


def test_a_record_that_lacks_something_is_refused(tmp_path):
    mbo.run(SMALL, bowl(), seeds=1, out=tmp_path / "run")
    path = tmp_path / "run/run.json"
    record = json.loads(path.read_text())
    for lost in ("machine", "seeds", "held_out"):
        path.write_text(json.dumps({name: value for name, value in record.items() if name != lost}))
        with pytest.raises(mbo.StoreError, match="unexpected structure"):
            mbo.load(tmp_path / "run")
