"""Tables of experiments, and the rows of them that a method may see."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import mbo_core as mbo

PLACES = [Path(place) for place in (os.environ.get("MBO_DATA_DIR"), Path(__file__).parents[4] / "shared/data") if place]
LOWER = 0.8
"""Methods see rows of this lower share by score."""


def _read(name: str, **more: object) -> pd.DataFrame:
    for place in PLACES:
        if (place / name).is_file():
            return pd.read_csv(place / name, **more)
    raise SystemExit(f"{name} is not in any of {', '.join(map(str, PLACES))}; set MBO_DATA_DIR")


def _concrete() -> mbo.Task:
    """Yeh 1998: compressive strength of concrete by its recipe and age."""
    return mbo.Task("concrete", _read("concrete.csv"), target="strength_mpa")


def _suzuki() -> mbo.Task:
    """A grid of 4 settings in each of 4 columns, nearly all tried."""
    return mbo.Task("suzuki", _read("suzuki.csv"), target="yield")


def _photo() -> mbo.Task:
    """Blends of four polymers, fractions that add to 1; their degradation in light is minimised."""
    return mbo.Task("photo_wf3", _read("photo_wf3.csv"), target="degradation", minimize=True)


def _reizman() -> mbo.Task:
    """Reizman et al. 2016: a catalyst and three amounts; its second line holds types."""
    frame = _read("reizman_suzuki_case_1.csv", skiprows=[1]).drop(columns=["NAME", "ton"])
    return mbo.Task("reizman_case_1", frame, target="yld")


CASES: dict[str, Callable[[], mbo.Task]] = {
    "concrete": _concrete,
    "suzuki": _suzuki,
    "photo_wf3": _photo,
    "reizman_case_1": _reizman,
}


def visible(whole: mbo.Task, seed: int) -> mbo.Task:
    """The task that a method gets: a random half of the lower 80 % of the designs by score, in the whole's space."""
    lower = np.argsort(whole.y, kind="stable")[: int(LOWER * len(whole.y))]
    rows = np.random.default_rng(seed).permutation(lower)[: len(lower) // 2]
    frame = pd.DataFrame([whole.cells(whole.x[row]) for row in rows])
    frame[whole.target] = whole.as_given(whole.y[rows])
    task = mbo.Task(whole.name, frame, target=whole.target, minimize=whole.sign < 0, space=whole.space)
    assert np.array_equal(np.sort(task.y), np.sort(whole.y[rows]))
    return task
