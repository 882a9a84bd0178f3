"""An objective that is lowered with the distance to the nearest rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import PREDICTION, Ability, Data, Key, Objective, Prediction, State, option, stage_option
from mbo_support.distance import Rows, count_of, log_distance, nearest, rows_of


class SupportState(NamedTuple):
    """The state of what is discounted, and the rows."""

    of: State
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class Support(Objective):
    """Another objective less a discount for the distance to the nearest rows, in the usual spacing of the rows.

    `of - weight * max(0, log(R / spacing))`, with R the distance to the k-th nearest row: nothing within the usual
    spacing, and `weight * log 2` for each doubling beyond it. The objective `near-data` counts the distance itself, in
    encoded units.
    """

    of: Objective = stage_option("what is discounted", PREDICTION)
    weight: float = option(0.25, "of the logarithm, in standardised scores", at_least=0.0)
    neighbours: int | None = option(
        None, "k; by default a twentieth of the designs, from 1 to 10; always fewer than the designs", at_least=1
    )
    rows: int = option(20_000, "number of rows to look among, drawn at random; all if fewer", at_least=2)

    name: ClassVar[str] = "support"
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    @property
    def needs(self) -> frozenset[Ability]:
        """Scores, as a distance is weighed against them, and what the discounted objective needs."""
        needed: frozenset[Ability] = self.of.needs | {"values"}
        return needed

    def init(self, key: Key, data: Data) -> SupportState:
        """The rows."""
        own, inner = keys.split(key)
        return SupportState(self.of.init(inner, data), rows_of(own, data, self.rows, self.neighbours))

    def score(self, state: SupportState, x: Tensor, prediction: Prediction) -> Tensor:
        """The objective less the discount."""
        rows = state.rows
        far, _ = nearest(rows.x, x.double() * rows.scale, count_of(self.neighbours, len(rows.x)))
        discount = self.weight * log_distance("scale-free", rows, far).to(x.dtype)
        return self.of.score(state.of, x, prediction) - discount
