"""How a plugin describes a stage it offers, so that the stage is imported only when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["encoding", "adversary", "proxy", "update", "evaluation"]
"""A slot of a recipe."""
ROLES: tuple[Role, ...] = get_args(Role)
Part: TypeAlias = Literal["objective"]
"""What only a stage inside another fills."""
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class StageOffer:
    """A stage that a plugin offers, described by the place of its class.

    Attributes:
        role: the slot of a recipe that it fills, or the part of a stage.
        name: its name in recipes; the same as the class attribute `name`.
        place: `module:Class`, imported when a recipe or a list needs the stage.

    >>> print(StageOffer("proxy", "conservative", "mbo_coms.proxy:Conservative"))
    proxy conservative
    """

    role: Role | Part
    name: str
    place: str

    def __str__(self) -> str:
        return f"{self.role} {self.name}"
