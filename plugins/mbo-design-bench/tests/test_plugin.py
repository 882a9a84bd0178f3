from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import mbo_design_bench
import pluggy
import pytest

from mbo_core import hookspecs
from mbo_core.task import TaskOffer

NAMES = [
    "TFBind8-Exact-v0",
    "TFBind10-Exact-v0",
    "GFP-Transformer-v0",
    "UTR-ResNet-v0",
    "ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0",
    "Superconductor-RandomForest-v0",
    "Quadratic2D-Exact-v0",
]
OFFERS = {offer.name: offer for offer in mbo_design_bench.mbo_tasks()}


def test_the_hook_offers_the_tasks():
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(mbo_design_bench)
    manager.check_pending()
    [offers] = manager.hook.mbo_tasks()
    assert [offer.name for offer in offers] == NAMES


def test_it_is_installed_as_a_plugin():
    [point] = entry_points(group=hookspecs.ENTRY_POINTS, name="design-bench")
    assert point.load() is mbo_design_bench


def test_offering_imports_nothing_heavy():
    code = (
        "import sys, mbo_design_bench; mbo_design_bench.mbo_tasks();"
        "print(*sorted({'torch', 'sklearn', 'scipy', 'pandas', 'pooch', 'requests', 'rdkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("offer", OFFERS.values(), ids=NAMES)
def test_an_offer_says_where_its_data_come_from(offer: TaskOffer):
    info = offer.info
    assert info.summary
    assert info.source
    assert info.licence
    assert info.comparable
    assert info.citation or info.oracle == "formula"


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
