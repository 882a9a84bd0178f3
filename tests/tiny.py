"""What makes each stage fast in tests: options by the stage's name; one that is not here needs nothing."""

from __future__ import annotations

from mbo_core.document import plain
from mbo_core.plugins import Registry
from mbo_core.recipe import find, layered

NETWORK = {"hidden": "[8]", "epochs": "1", "held_out": "10"}

TINY: dict[str, dict[str, str]] = {
    "regression": NETWORK,
    "ensemble": {**NETWORK, "members": "2"},
    "conservative": NETWORK,
    "design-ascent": {"steps": "2"},
    "gradient-ascent": {"steps": "3"},
}


def tiny(recipe: str, registry: Registry) -> list[str]:
    """The `--set` assignments that make a method fast."""
    table = plain(layered(find(recipe, registry), registry))
    sections = {section: table[section] for section in ("adversary", "proxy", "update") if section in table}
    return [
        f"{section}.{option}={value}"
        for section, stage in sections.items()
        for option, value in TINY.get(stage["use"], {}).items()
    ]
