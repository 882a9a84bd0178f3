"""The words of a recipe: its roles, its tables, and what it has where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mbo_core.plugins.offers import ROLES as ROLES

if TYPE_CHECKING:
    from mbo_core.tasks.space import Kind


ABOUT = ("name", "summary", "paper", "code", "mix", "deviations", "requires", "unpackaged")
"""The keys of `[method]`. They describe this recipe alone: none is inherited through `extends`."""

ORIGIN = ("paper", "code", "deviations")
"""What no longer holds once a stage is exchanged."""


RUN = ("task", "seeds", "preset", "applied", "changed")
"""The keys of `[run]`: `preset` is still to be applied; `applied` and `changed` tell what the values hold already."""


PUBLISHED = ("100th", "50th", "source")


MEASURED = (*PUBLISHED, "seeds", "preset")
"""The keys of `[measured."TASK"]`: our own scores of a method, which `mbo list-methods` prints."""


LISTING = ("kinds", "rows", "cost")
"""The keys of `[listing]`: what else `mbo list-methods` prints."""


TABLES = (*ROLES, "method", "published", "measured", "listing", "extends", "when", "preset", "run")


DEFAULT_STAGES: Mapping[str, str] = {"adversary": "none", "proxy": "none", "update": "none", "evaluation": "oracle"}
"""The stage that a role has where the recipe names none."""


DEFAULT_ENCODINGS: Mapping[Kind, str] = {"continuous": "standardised", "discrete": "soft-logits"}
"""The encoding that a recipe has where it says nothing."""
