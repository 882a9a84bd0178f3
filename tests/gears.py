"""The gears of the suite, as hooks that the conftest files share.

`pytest` keeps every rule once, on all cores; `pytest -m slow` has the rest. What is named on the command line runs in
one process, which starts sooner; `-n 2` asks for two.
"""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: its threads would wait for each other
WORKERS = 4
LONG = {"rows", "inputs-untouched", "same-key", "seed-alone"}
"""Checks that stages have passed already where a recipe is made of them."""
OF_METHODS = LONG | {"stays-inside"}
OF_SEARCHES = LONG | {"needs"}
LONG_TASKS = ("task BACE", "task AntMorphology-Gait-v0", "task HopperController-Gym-v0", "task TFBind10-Exact-v0")
"""A forest, thousands of controllers or millions of rows take seconds; the tests of these tasks wait for them once."""
LONG_SEARCHES = ("update q-acquisition", "update bo-qei", "update autofocus")
"""Searches by botorch's optimisers, or with a proxy that is trained again, which take seconds at any size."""
PRESET = ", preset "
"""In the label of a recipe that is run again; `recipe-resolves` holds its presets to be right."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as there are cores, for all tests; none beside this one for some."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, WORKERS) if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what of the kit repeats a rule."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if item.originalname == "test_conformance" and repeats(item.callspec.params["case"]):
            item.add_marker(pytest.mark.slow)


def repeats(case) -> bool:
    """Whether a case repeats a rule: on the other kind of task, with a preset, or of a recipe's stages."""
    label = case.subject.label
    made_of_stages = label.startswith("method") and case.check.name in OF_METHODS
    long_search = label.startswith(LONG_SEARCHES) and case.check.name in OF_SEARCHES
    return case.repeats or label.endswith(LONG_TASKS) or PRESET in label or made_of_stages or long_search
