"""The conformance kit: the rules for every plugin, as pytest tests and on the command line.

A plugin's tests import it in two lines, and `mbo plugins check NAME` runs the same checks::

    from mbo_core.testing import conformance

    test_conformance = conformance("coms")

A plugin may have a `conformance.toml` beside its `__init__.py`: options that make a stage fast enough to be checked in
seconds, and checks that may fail, each with a reason::

    [small.proxy.conservative]
    hidden = [8]
    epochs = 1

    [waived]
    "state-on-disk: proxy forest" = "the state is a fitted scikit-learn model"
"""

from __future__ import annotations

from collections.abc import Callable

from mbo_core.testing.case import Case, Check, Outcome
from mbo_core.testing.checks import CHECKS, cases, outcomes
from mbo_core.testing.settings import assignments, small
from mbo_core.testing.shipped import resolved
from mbo_core.testing.tiny_tasks import small_task

__all__ = [
    "CHECKS",
    "Case",
    "Check",
    "Outcome",
    "assignments",
    "cases",
    "conformance",
    "outcomes",
    "resolved",
    "small",
    "small_task",
]


def conformance(plugin: str) -> Callable[..., None]:
    """A pytest test of everything in an installed plugin.

    Args:
        plugin: its entry point's name, e.g. `coms`.

    Raises:
        RecipeError: if it is not installed, with the nearest known name.
    """
    import pytest

    @pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in cases(plugin)])
    def test(case: Case) -> None:
        outcome = case.outcome
        if outcome.status == "failed":
            pytest.fail(str(outcome), pytrace=False)
        if outcome.status != "passed":
            pytest.skip(f"waived: {outcome.reason}" if outcome.status == "waived" else outcome.reason)

    return test
