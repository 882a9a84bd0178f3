"""Tables of experiments, and the rows of them that a method may see."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

import mbo_core as mbo

PLACES = [Path(place) for place in (os.environ.get("MBO_DATA_DIR"), Path(__file__).parents[4] / "shared/data") if place]
LOWER = 0.8
"""Methods see rows of this lower share by score."""


def _found(name: str) -> Path:
    for place in PLACES:
        if (place / name).is_file():
            return place / name
    raise SystemExit(f"{name} is not in any of {', '.join(map(str, PLACES))}; set MBO_DATA_DIR")


def _read(name: str, **more: object) -> pd.DataFrame:
    return pd.read_csv(_found(name), **more)


def arrays(name: str) -> Mapping[str, np.ndarray]:
    """The arrays of a file."""
    return np.load(_found(name), allow_pickle=False)


def _olympus(name: str, columns: list[str]) -> pd.DataFrame:
    """A table of the package `olymp` (MIT), whose files have no header; nothing of it is run."""
    package = find_spec("olympus")
    if package is None or package.origin is None:
        raise SystemExit(f"{name} is in the package olymp: pip install -r tests/benchmarks/requirements.txt")
    return pd.read_csv(Path(package.origin).parent / "datasets" / f"dataset_{name}" / "data.csv", names=columns)


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


def _superalloys() -> mbo.Task:
    """Conduit et al. 2017: the yield strength of nickel alloys by composition and heat treatment."""
    data = arrays("ni_superalloys.npz")
    frame = pd.DataFrame(data["x"], columns=[str(name) for name in data["columns"]])
    frame["strength"] = data["y"][:, [str(name) for name in data["labels"]].index("Yield Strength")]
    return mbo.Task("superalloys", frame[np.isfinite(frame["strength"])], target="strength")


def _fullerenes() -> mbo.Task:
    """The share of a product of C60 by time, an amount and temperature: a grid of 6 settings each, all tried."""
    frame = _olympus("fullerenes", ["minutes", "sultine", "temperature", "product"])
    return mbo.Task("fullerenes", frame, target="product")


def _hplc() -> mbo.Task:
    """The response of a chromatograph to the settings of its sampling; main effects explain a tenth of it."""
    names = ["sample_loop", "additional_volume", "tubing_volume", "sample_flow", "push_speed", "wait_time", "peak_area"]
    return mbo.Task("hplc", _olympus("hplc", names), target="peak_area")


def _alkox() -> mbo.Task:
    """The conversion by enzymes, by three amounts and pH; main effects explain a tenth of it."""
    frame = _olympus("alkox", ["catalase", "peroxidase", "oxidase", "pH", "conversion"])
    return mbo.Task("alkox", frame, target="conversion")


def _colors() -> mbo.Task:
    """Amounts of five dyes; the difference of their mixture to a green is minimised."""
    frame = _olympus("colors_bob", ["red", "orange", "yellow", "blue", "green", "difference"])
    return mbo.Task("colors_bob", frame, target="difference", minimize=True)


CASES: dict[str, Callable[[], mbo.Task]] = {
    "concrete": _concrete,
    "suzuki": _suzuki,
    "photo_wf3": _photo,
    "reizman_case_1": _reizman,
    "superalloys": _superalloys,
    "fullerenes": _fullerenes,
    "hplc": _hplc,
    "alkox": _alkox,
    "colors_bob": _colors,
}


def frame_of(task: mbo.Task) -> pd.DataFrame:
    """The rows of a task as a person has them."""
    frame = pd.DataFrame([task.cells(design) for design in task.x])
    frame[task.target] = task.as_given(task.y)
    return frame


def visible(whole: mbo.Task, seed: int, share: float = LOWER) -> mbo.Task:
    """The task that a method gets: a random half of the lower 80 % of the designs by score, in the whole's space."""
    lower = np.argsort(whole.y, kind="stable")[: int(share * len(whole.y))]
    rows = np.random.default_rng(seed).permutation(lower)[: len(lower) // 2]
    frame = pd.DataFrame([whole.cells(whole.x[row]) for row in rows])
    frame[whole.target] = whole.as_given(whole.y[rows])
    task = mbo.Task(whole.name, frame, target=whole.target, minimize=whole.sign < 0, space=whole.space)
    assert np.array_equal(np.sort(task.y), np.sort(whole.y[rows]))
    return task
