"""The real designs behind the vectors, which a search that moves designs is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mbo_core as mbo
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.records import Run
from mbo_core.runs.shortened import with_epochs
from mbo_core.testing.tiny_tasks import tiny_task

ENCODINGS = {name: one.value for (role, name), one in mbo.installed().stages.items() if role == "encoding"}
FITS = [(name, kind) for name, encoding in ENCODINGS.items() for kind in sorted(encoding.kinds)]


@pytest.mark.parametrize(("name", "kind"), FITS)
def test_visible_vectors_decode_to_their_rows(name, kind):
    """Each seed has its own way back where the encoding has."""
    task, seeds = tiny_task(kind), (3, 8)
    run = Run(None, task, encode_table(with_epochs(ENCODINGS[name](), 1), seeds, task.table), seeds)
    seen = []

    def look(data, key):
        designs = data.space.designs
        raw = designs.decode(data.x)
        assert np.array_equal(raw, task.x)
        assert np.array_equal(designs.tried, task.x)
        assert torch.allclose(designs.encode(raw), data.x, atol=1e-5)
        assert designs.space.contains(designs.decode(data.x + 0.3)).all()
        seen.append(data.x)
        return key

    run.lift(look, "loop", "tensors")(run.keys(0))
    assert len(seen) == 2
    assert ENCODINGS[name].seeded != torch.equal(*seen)


def test_tried_designs_stay_as_they_are():
    """Those outside the space too; their vectors decode to the nearest designs of the space."""
    task = mbo.Task("oven", {"gas": ["N2", "air"] * 3, "temp": [1, 2, 3, 4, 5, 6], "y": range(6)}, target="y")
    held = task.held({"gas": "air"})
    data = encode_table(ENCODINGS["columns"](), (0,), held.table).first
    assert np.array_equal(data.space.designs.tried, task.x)
    assert np.array_equal(data.space.designs.decode(data.x)[:, 0], np.ones(6))
