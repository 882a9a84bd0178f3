"""What makes each stage fast in tests: options by the stage's name; one that is not here needs nothing."""

from __future__ import annotations

from mbo_core.document import plain
from mbo_core.layers import family, find, flatten
from mbo_core.plugins import Registry

NETWORK = {"hidden": "[8]", "epochs": "1", "held_out": "10"}
CBAS = {
    "iterations": "2",
    "samples": "40",
    "samples_held_out": "8",
    "latent": "2",
    "hidden": "[8]",
    "prior_epochs": "1",
    "held_out": "10",
    "epochs": "1",
}

TINY: dict[str, dict[str, str]] = {
    "autofocus": {"epochs": "1", "inner.use": '"cbas"', **{f"inner.{name}": value for name, value in CBAS.items()}},
    "cbas": CBAS,
    "conservative": NETWORK,
    "design-ascent": {"steps": "2"},
    "ensemble": {**NETWORK, "members": "3"},
    "gradient-ascent": {"steps": "3"},
    "label-bank": {**NETWORK, "bins": "3"},
    "latent": {"latent": "2", "hidden": "[8]", "epochs": "1"},
    "local-adaptation": {"steps": "2", "adaptation_steps": "2"},
    "normalised-likelihood": {"steps": "3"},
    "regression": NETWORK,
    "smooth": NETWORK,
    "weight-ascent": {"steps": "2"},
}


def tiny(recipe: str, registry: Registry, kind: str = "continuous") -> list[str]:
    """The `--set` assignments that make a method fast on a kind of task."""
    table = plain(flatten(family(find(recipe, registry), registry), kind))
    sections = {section: table[section] for section in ("encoding", "adversary", "proxy", "update")}
    return [
        f"{section}.{option}={value}"
        for section, stage in sections.items()
        for option, value in TINY.get(stage["use"], {}).items()
    ]
