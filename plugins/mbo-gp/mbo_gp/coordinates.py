"""The coordinates of botorch's optimisers: a number as it is encoded, the code of a level or a letter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mbo_core.stages import EncodedSpace
from mbo_core.stages.projection import Total
from mbo_gp.layout import Group, groups

Linear = list[tuple[Tensor, Tensor, float]]
"""Indices, coefficients and the right-hand side of constraints, as botorch writes them."""


@dataclass(frozen=True)
class Coordinates:
    """The coordinates, one a column of the space.

    Attributes:
        space: the encoded space.
    """

    space: EncodedSpace

    @cached_property
    def slots(self) -> list[Group]:
        """The encoded coordinates of each: those of a level or letter, or one that is a number."""
        found = []
        for group in groups(self.space):
            whole = range(group.place.start, group.place.stop)
            found += [group] if group.corners else [Group(slice(at, at + 1), False, False) for at in whole]
        return found

    @cached_property
    def numbers(self) -> dict[int, int]:
        """Where the number of each encoded coordinate stands."""
        return {slot.place.start: at for at, slot in enumerate(self.slots) if not slot.corners}

    def encoded(self, u: Tensor) -> Tensor:
        """Coordinates (..., s) as encoded designs (..., d), differentiable in the numbers."""
        parts = []
        for at, slot in enumerate(self.slots):
            corners = torch.eye(slot.place.stop - slot.place.start, dtype=u.dtype, device=u.device)
            parts.append(corners[u[..., at].round().long()] if slot.corners else u[..., at : at + 1])
        return torch.cat(parts, dim=-1)

    def of(self, x: Tensor) -> Tensor:
        """Encoded designs (..., d) as coordinates (..., s)."""
        parts = [(slot, x[..., slot.place]) for slot in self.slots]
        return torch.stack([(p.argmax(-1) if slot.corners else p[..., 0]).double() for slot, p in parts], dim=-1)

    @cached_property
    def box(self) -> Tensor:
        """(2, s) the smallest and the largest values."""
        lower, upper = self.of(self.space.lower), self.of(self.space.upper)
        for at, codes in self.levels.items():
            lower[at], upper[at] = codes[0], codes[-1]
        for at, values in self.grids.items():
            lower[at], upper[at] = values[0], values[-1]
        return torch.stack([lower, upper])

    @cached_property
    def levels(self) -> dict[int, list[float]]:
        """The codes of each level and letter; a single one where it is held."""
        found = {}
        for at, slot in enumerate(self.slots):
            if slot.corners:
                codes = torch.arange(slot.place.stop - slot.place.start, dtype=torch.float64)
                found[at] = codes[self.space.upper[slot.place].cpu() > 0].tolist()
        return found

    @cached_property
    def grids(self) -> dict[int, list[float]]:
        """The values of stepped numbers that no equality binds: botorch's search over steps takes no such ones."""
        bound = {int(at) for indices, _, _ in self.equalities for at in indices}
        grids = self.space.projection.grids if self.space.projection is not None else ()
        found = {self.numbers[one.place]: one.values.tolist() for one in grids}
        return {at: values for at, values in found.items() if at not in bound and len(values) > 1}

    @cached_property
    def fixed(self) -> dict[int, float]:
        """The values of those that are held."""
        return {at: float(low) for at, (low, high) in enumerate(self.box.T) if low == high}

    @property
    def equalities(self) -> Linear:
        """The sums that are given."""
        return [self._linear(one, 1.0, one.lower) for one in self._totals if one.lower == one.upper]

    @property
    def inequalities(self) -> Linear:
        """The sums that have a bound, each as `sum >= right-hand side`."""
        loose = [one for one in self._totals if one.lower != one.upper]
        above = [self._linear(one, 1.0, one.lower) for one in loose if one.lower > -torch.inf]
        return above + [self._linear(one, -1.0, -one.upper) for one in loose if one.upper < torch.inf]

    @property
    def constraints(self) -> dict[str, Any]:
        """The constraints as arguments of botorch's optimisers."""
        named = {"equality_constraints": self.equalities, "inequality_constraints": self.inequalities}
        return {name: value or None for name, value in named.items()}

    @property
    def _totals(self) -> tuple[Total, ...]:
        return self.space.projection.totals if self.space.projection is not None else ()

    def _linear(self, total: Total, sign: float, right: float) -> tuple[Tensor, Tensor, float]:
        weights = total.weights.to(self.space.lower.device)
        bound = [int(at) for at in torch.nonzero(weights)]
        indices = torch.tensor([self.numbers[at] for at in bound], device=weights.device)
        return indices, sign * weights[bound], right
