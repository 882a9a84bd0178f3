"""The gears of the conformance kit: by default each rule is kept once by each stage and recipe."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """What repeats a rule on the other kind of task, or of a recipe after its stages, is for the slow gear."""
    for item in items:
        if item.originalname != "test_conformance":
            continue
        case = item.callspec.params["case"]
        of_recipe = case.subject.label.startswith("method") and case.check.name in {"rows", "inputs-untouched"}
        if case.repeats or of_recipe:
            item.add_marker(pytest.mark.slow)
