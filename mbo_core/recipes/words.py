"""The names in a recipe: roles, tables and keys; and the defaults of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mbo_core.plugins.offers import ROLES as ROLES

if TYPE_CHECKING:
    from mbo_core.tasks.space import Kind


ABOUT = ("name", "summary", "paper", "code", "mix", "try_on_tables", "deviations", "requires", "unpackaged")
"""The keys of `[method]`. They describe this recipe only; none is inherited through `extends`."""

FLAGS = ("mix", "try_on_tables")
"""Those that are true or false. With `try_on_tables` a method asks to be tried on people's tables by tools that choose
one for them, such as `mbo propose`: it has to train in seconds on a few hundred rows."""

ORIGIN = ("paper", "code", "deviations")
"""The keys that no longer apply once a stage is replaced."""


RUN_FILE = ("sha256", "target", "minimize", "weights", "ignore", "space")
"""The keys of `[run]` for a task that is a file."""

RUN = ("task", *RUN_FILE, "hold", "start", "seeds", "preset", "applied", "changed")
"""The keys of `[run]`: `preset` is still to be applied; `applied` and `changed` are already in the values."""


PUBLISHED = ("100th", "50th", "source")


MEASURED = (*PUBLISHED, "seeds", "preset")
"""The keys of `[measured."TASK"]`: our own scores, printed by `mbo list-methods`."""


LISTING = ("kinds", "cost")
"""The keys of `[listing]`: other facts printed by `mbo list-methods`."""


TABLES = (*ROLES, "method", "published", "measured", "listing", "extends", "when", "preset", "run")


DEFAULT_STAGES: Mapping[str, str] = {"adversary": "none", "proxy": "none", "update": "none", "evaluation": "oracle"}
"""The default stage of each role."""


DEFAULT_ENCODINGS: Mapping[Kind, str] = {"continuous": "standardised", "discrete": "soft-logits", "mixed": "columns"}
"""The default encoding for each kind of task."""
