"""What a method sees of a design, and gives back unmoved, scores as the data say: for every exact oracle here."""

from __future__ import annotations

from importlib.metadata import version

import mbo_design_bench
import numpy as np
import pytest
from mbo_design_bench.robots import made

from mbo_core.runs.encoded import encode_table
from mbo_core.stages import OneHot, SoftLogits, Standardised
from mbo_core.tasks import TaskOffer

ROWS = {"simulator": 2}
"""Of the oracle's kind, else 8: a design of the hopper takes seconds."""
DEFAULT_ENCODINGS = {"continuous": [Standardised()], "discrete": [SoftLogits(), SoftLogits(standardise=True), OneHot()]}

OTHER_LABELS = {"HopperController-Exact-v0", "AntMorphology-Exact-v0", "DKittyMorphology-Exact-v0", "TFBind10-Exact-v0"}
"""Their labels are of another simulator, or of several rows of one design: `comparable` and the notes say so."""

EXACT = {
    offer.name: offer
    for offer in mbo_design_bench.mbo_tasks()
    if offer.info.oracle != "learned" and offer.name not in OTHER_LABELS and ":" not in offer.name
}


CASES = [
    pytest.param(offer, id=name, marks=[pytest.mark.slow] if offer.info.oracle == "simulator" else [])
    for name, offer in EXACT.items()
]


@pytest.mark.parametrize("offer", CASES)
def test_a_row_encoded_and_decoded_scores_its_label(offer: TaskOffer):
    if (reason := offer.unready()) is not None:
        pytest.skip(f"not ready here: {reason}")
    task = offer.load()
    rows = np.random.default_rng(0).permutation(len(task.x))[: ROWS.get(offer.info.oracle, 8)]
    for encoding in DEFAULT_ENCODINGS[task.kind]:
        encoded = encode_table(encoding, (0,), task.table)
        designs = encoded.decode(encoded.x[rows], 0).numpy()
        assert np.array_equal(designs, task.x[rows])
        scores = task.oracle.score(designs)
        if offer.info.oracle != "simulator":
            assert np.array_equal(scores, task.y[rows])
        elif version("mujoco") == made.MUJOCO:  # and on this kind of processor to the last bit
            assert scores == pytest.approx(task.y[rows], rel=1e-6)
