"""The recipes that a backtest tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mbo_core as mbo
from mbo_core.recipes.layers import lineage
from mbo_core.recipes.values import AnyRecipe

DEFAULT = "committee-gp-evolution"
"""The candidate that is chosen where the backtest is not clear."""

PROCESS = "gp-evolution"
TREES = "committee-evolution"
"""What the default joins."""

FOREST = "perturbed-rows"
"""The candidate that a chosen one must beat."""


@dataclass(frozen=True)
class Candidate:
    """A recipe to be tried.

    Attributes:
        name: what people call it.
        recipe: what `mbo.run` takes.
        preset: of the recipe, or None.
        words: what it is, in a few words.
    """

    name: str
    recipe: AnyRecipe
    preset: str | None = None
    words: str = ""


def _evolved(name: str, **proxy: Any) -> Mapping[str, Any]:
    """A recipe that searches a proxy's opinion by evolution, which keeps to any space."""
    update = {"use": "evolution", "candidates": 16}
    return {"method": {"name": name, "mix": True}, "encoding": {"use": "columns"}, "proxy": proxy, "update": update}


_PROCESS = {"use": "gaussian-process", "kernel": "product", "likelihood_rows": 300, "iterations": 50}
_MEMBERS = {"first": _PROCESS, "second": {"use": "boosting"}, "third": {"use": "ridge"}}
_TERMS = {"use": "gaussian-process", "kernel": "additive", "likelihood_rows": 150, "iterations": 30}
_ADDITIVE_GP = _evolved("additive-gp-evolution", **_TERMS)
_STEPS = {"hidden": [64, 64], "learning_rate": 5e-3, "steps": 120, "keep": "last", "held_out": 0}
_NETWORKS = {"use": "ensemble", "members": 5, "bootstrap": True, **_STEPS}
_CONSERVATIVE = {"use": "conservative", "overestimation_limit": 2.0, **_STEPS}
_COMS = {
    **_evolved("coms-evolution", **_CONSERVATIVE),
    "adversary": {"use": "design-ascent", "steps": 10, "step_size": 0.1},
}


def committee(weight: float) -> Mapping[str, Any]:
    """The default recipe, in which the Gaussian process has this weight."""
    return _evolved(DEFAULT, use="committee", first_weight=weight, **_MEMBERS)


CANDIDATES: Mapping[str, Candidate] = {
    one.name: one
    for one in (
        Candidate(FOREST, FOREST, "table", "a forest on perturbed rows"),
        Candidate("ridge-evolution", "ridge-evolution", "table", "main effects by ridge regression"),
        Candidate(PROCESS, _evolved(PROCESS, **_PROCESS), words="a Gaussian process of all columns"),
        Candidate(TREES, TREES, "table", "boosted trees and main effects together"),
        Candidate(DEFAULT, committee(0.5), words="these and a Gaussian process together"),
        Candidate("additive-gp-evolution", _ADDITIVE_GP, words="a Gaussian process of one term a column"),
        Candidate("networks-evolution", _evolved("networks-evolution", **_NETWORKS), words="small networks"),
        Candidate("coms-evolution", _COMS, words="a small network kept from over-valuing designs"),
    )
}
"""What is always tried, the cheapest first."""


def candidates(registry: mbo.Registry | None = None) -> tuple[Candidate, ...]:
    """All that is tried: `CANDIDATES`, and each installed method with `try_on_tables = true` in its `[method]`."""
    found = registry or mbo.installed()
    asking = [name for name, method in found.methods.items() if method.about.get("try_on_tables")]
    return (*CANDIDATES.values(), *(_shipped(name, found) for name in asking if name not in CANDIDATES))


def _shipped(name: str, registry: mbo.Registry) -> Candidate:
    method = registry.method(name)
    preset = "table" if "table" in lineage(method.document, registry).presets else None
    return Candidate(name, name, preset, str(method.about.get("summary", "")))
