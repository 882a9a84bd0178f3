"""What a plugin says of a stage that it offers, so that the stage is imported only when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["encoding", "adversary", "proxy", "update", "evaluation"]
"""A slot of a recipe."""
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class StageOffer:
    """A stage that a plugin offers, by where its class is.

    Attributes:
        role: the slot of a recipe that it fills.
        name: what recipes call it; the same as the class attribute `name`.
        place: `module:Class`, imported when a recipe or a list asks for the stage.

    >>> print(StageOffer("proxy", "conservative", "mbo_coms.proxy:Conservative"))
    proxy conservative
    """

    role: Role
    name: str
    place: str

    def __str__(self) -> str:
        return f"{self.role} {self.name}"
