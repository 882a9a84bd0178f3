"""The words of a recipe: its roles, its tables, and what it has where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mbo_core.tasks.space import Kind


ROLES = ("encoding", "adversary", "proxy", "update", "evaluation")


ABOUT = ("name", "summary", "paper", "code", "deviations", "requires")


RUN = ("task", "seeds", "preset")


PUBLISHED = ("100th", "50th", "source")


TABLES = (*ROLES, "method", "published", "extends", "when", "preset", "run")


DEFAULT_STAGES: Mapping[str, str] = {"adversary": "none", "proxy": "none", "update": "none", "evaluation": "oracle"}
"""The stage that a role has where the recipe names none."""


DEFAULT_ENCODINGS: Mapping[Kind, str] = {"continuous": "standardised", "discrete": "soft-logits"}
"""The encoding that a recipe has where it says nothing."""
