from __future__ import annotations

import subprocess
import sys

import mbo_design_bench
import pytest

OFFERS = {offer.name: offer for offer in mbo_design_bench.mbo_tasks()}


def test_offering_imports_nothing_heavy():
    code = (
        "import sys, mbo_design_bench; mbo_design_bench.mbo_tasks();"
        "heavy = {'torch', 'sklearn', 'scipy', 'pandas', 'pooch', 'requests', 'rdkit', 'mujoco'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ["TFBind8-Exact-v0", "Quadratic2D-Exact-v0"])
def test_an_offer_needs_no_download(name: str, empty):
    offer = OFFERS[name]
    task = offer.load()
    assert offer.missing() is None
    assert (task.name, task.kind, task.info) == (offer.name, offer.kind, offer.info)


def test_the_loaded_superconductor_adds_notes_only(superconductor_task, superconductor_folder):
    offer = OFFERS["Superconductor-RandomForest-v0"]
    notes = superconductor_task.info.notes
    assert offer.missing() is None
    assert (superconductor_task.name, superconductor_task.kind) == (offer.name, offer.kind)
    assert offer.info.notes.items() <= notes.items()
    assert "held_out_spearman" in notes.keys() - offer.info.notes.keys()
