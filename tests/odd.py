"""Plugins that break one rule of the conformance kit, and which checks fail on them."""

from __future__ import annotations

from textwrap import indent

from mbo_core.plugins.registry import Registry
from mbo_core.testing import cases

BOUNDS = "mbo-core>=0.1,<0.2"
PLUGIN = '''"""A plugin inside a test."""
from mbo_core.plugins.hookspecs import hookimpl

@hookimpl
def mbo_stages():
    """One stage."""
    from dataclasses import dataclass
    import torch
    from torch.func import grad
    from mbo_core.stages import Standardised
    from mbo_core.errors import TaskError
    from mbo_core.stages import OracleEvaluation
    from mbo_core.stages import option
    from mbo_core.stages import Batch, PredictedScore, Prediction, Schedule
    from mbo_core.testing.reference_stages import AbleProxy, KeepBetter, ShiftDesigns, ShiftWeights

    @dataclass(frozen=True, kw_only=True)
    class Odd(BASE):
        """A stage inside a test."""

        name = "odd"

BODY

    return [Odd]
'''
DOC = '        """A stage inside a test."""\n'
RECIPE = '[method]\nname = "found"\nsummary = "the best rows"\npaper = "arXiv:0000.00000"\n'


def offering(base: str, body: str) -> str:
    return PLUGIN.replace("BASE", base).replace("BODY", indent(body, " " * 8))


def failing(registry: Registry, kind: str = "continuous", skipped: str = "light-import") -> set[str]:
    """The checks that fail; of those that run something, only on one kind of task, and none in a new process."""
    made = [case for case in cases("odd", registry) if kind in case.subject.label or "," not in case.subject.label]
    return {case.check.name for case in made if case.check.name != skipped and case.outcome.status == "failed"}


FINE = offering("KeepBetter", "")
