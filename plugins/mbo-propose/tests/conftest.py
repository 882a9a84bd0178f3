"""Tables and quick proposals that several tests share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mbo_propose import search
from mbo_propose.pipeline import propose_from
from mbo_propose.wishes import Wishes


@pytest.fixture
def quick(monkeypatch):
    """Proposals by main effects, with one seed and two folds."""
    monkeypatch.setattr(search, "SEEDS", 1)
    monkeypatch.setattr("mbo_propose.crossing.held_out.__defaults__", (2, 0, np.inf))

    def made(table, out=None, **wishes):
        given = {"recipe": "ridge-evolution", "target": "score", **wishes}
        return propose_from(table, Wishes(**given), out)

    return made


@pytest.fixture
def blend():
    """Three fractions in steps of 0.05 that add to 1, a temperature in steps of 5, and the strength."""
    rng = np.random.default_rng(1)
    parts = rng.multinomial(20, [0.5, 0.3, 0.2], 30)
    frame = pd.DataFrame(parts / 20, columns=["resin", "filler", "oil"]).round(2)
    frame["temp_C"] = 60 + 5 * rng.integers(0, 13, 30)
    frame["score"] = (30 * frame["resin"] - 60 * (frame["oil"] - 0.2) ** 2 + frame["temp_C"] / 10).round(2)
    return frame


@pytest.fixture
def clogs():
    """Conversions that rise with the temperature; above 98 nothing is measured."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"temp": rng.uniform(40, 120, 36).round(1), "conc": rng.uniform(0.5, 2, 36).round(2)})
    frame["score"] = (frame["temp"] * 0.8 + 5 * frame["conc"]).round(1).where(frame["temp"] <= 98)
    return frame
