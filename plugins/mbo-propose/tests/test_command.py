"""`mbo propose` from end to end."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mbo_propose.commands import propose


@pytest.fixture
def oven(tmp_path):
    """A table of half of the whole heats from 20 to 79; the best is 63."""
    heat = 20 + np.random.default_rng(0).permutation(60)[:30]
    path = tmp_path / "oven.csv"
    pd.DataFrame({"heat": heat, "score": (90 - (heat - 63.0) ** 2 / 30).round(2)}).to_csv(path, index=False)
    return path


def test_a_table_gives_new_designs(oven):
    done = CliRunner().invoke(propose, [str(oven), "--target", "score", "--batch", "4", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    heats = {one["design"]["heat"] for one in found["proposals"]}
    assert len(heats) == found["asked"] == 4
    assert not heats & set(pd.read_csv(oven)["heat"])
