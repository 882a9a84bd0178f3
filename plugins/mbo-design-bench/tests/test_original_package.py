"""The adapter, on design-bench 2.0.20 itself, where it is installed; `compare_original.py` installs it."""

from __future__ import annotations

import inspect
import shutil
from importlib import import_module

import numpy as np
import pytest
from mbo_design_bench import facts, tf_bind_8
from mbo_design_bench.original import adapter, export, registered, stand_ins

if registered.origin() is None:
    pytest.skip(f"design_bench is not installed: {adapter.INSTALL}", allow_module_level=True)

TASKS = {one.id: one for one in registered.tasks(registered.origin().read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def package():
    with stand_ins.borrowed(str) as package:
        yield package


def test_the_tasks_read_are_the_tasks_registered(package):
    specs = {spec.task_name: (spec.dataset, spec.oracle) for spec in package.registry.all()}
    assert {one.id: (one.dataset, one.oracle) for one in TASKS.values()} == specs
    assert len(specs) == 111


@pytest.mark.parametrize("one", TASKS.values(), ids=TASKS)
def test_first_file_is_searched_where_package_does(package, one, monkeypatch):
    monkeypatch.setattr("os.makedirs", lambda *_, **__: None)
    module, name = one.dataset.split(":")
    shards = getattr(import_module(module), name).register_x_shards
    known = inspect.signature(shards).parameters
    kwargs = {key: value for key, value in package.spec(one.id).dataset_kwargs.items() if key in known}
    assert shards(**kwargs)[0].disk_target == one.first_shard


def offer(name: str):
    [found] = [offer for offer in adapter.offers() if offer.name == f"design_bench:{name}"]
    return found


def test_tf_bind_8_matches_to_the_bit(empty):
    x, _ = tf_bind_8.dataset()
    export.written(facts.TF_BIND_8, empty)
    theirs, ours = offer("TFBind8-Exact-v0").load(), tf_bind_8.load()
    assert np.array_equal(theirs.x, ours.x)
    assert np.array_equal(theirs.y, ours.y)
    assert (theirs.y_min, theirs.y_max) == (ours.y_min, ours.y_max)
    assert np.array_equal(theirs.oracle.score(x), ours.oracle.score(x))


def test_superconductor_has_our_rows_and_its_forest(superconductor_task, superconductor_copy, empty):
    ours = superconductor_task
    shutil.copy(superconductor_copy / "superconductor.npz", empty)
    export.written(facts.SUPERCONDUCTOR, empty)
    theirs = offer("Superconductor-RandomForest-v0").load()
    scores = theirs.oracle.score(ours.x[:200])
    assert np.array_equal(theirs.x, ours.x)
    assert np.array_equal(theirs.y, ours.y)
    assert (theirs.y_min, theirs.y_max) == (ours.y_min, ours.y_max)
    assert 0.87 < theirs.info.notes["held_out_spearman"] < 0.93
    assert np.array_equal([theirs.oracle.score(design[None])[0] for design in ours.x[:200]], scores)
    assert np.array_equal(offer("Superconductor-RandomForest-v0").load().oracle.score(ours.x[:200]), scores)
