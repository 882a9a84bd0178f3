"""Data of three kinds of space for the plugin's tests."""

from __future__ import annotations

import pytest
import torch

from mbo_core.functional import keys
from mbo_core.stages import Data, EncodedSpace


@pytest.fixture
def bowl():
    """Sixty standardised designs of three numbers, whose scores fall away from the origin."""

    def bowl(rows: int = 60, w: torch.Tensor | None = None) -> Data:
        x = keys.normal(keys.key(5), (60, 3))[:rows]
        y = -(x**2).sum(1)
        space = EncodedSpace("continuous", (3,), None, "real", x.amin(0), x.amax(0))
        return Data(x, (y - y.mean()) / y.std(correction=0), space, torch.ones(rows) if w is None else w)

    return bowl
