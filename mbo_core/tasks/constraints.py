"""Constraints between columns: sums and inequalities of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mbo_core.errors import TaskError


@dataclass(frozen=True)
class Linear:
    """A weighted sum of numbers between two bounds.

    Attributes:
        coefficients: the weight of each column, by its name.
        lower: the smallest sum; infinite where there is none.
        upper: the largest sum; the same as `lower` for an equality.
    """

    coefficients: Mapping[str, float] = field(hash=False)
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        """Check the bounds and coefficients.

        Raises:
            TaskError: with the fact.
        """
        object.__setattr__(self, "coefficients", {name: float(value) for name, value in self.coefficients.items()})
        if not self.coefficients or not all(math.isfinite(value) and value for value in self.coefficients.values()):
            raise TaskError("constraint has no column, or a coefficient that is 0 or infinite", "name its columns")
        if math.isnan(self.lower) or math.isnan(self.upper) or self.lower > self.upper:
            raise TaskError(f"constraint {self}: lower {self.lower:g} exceeds upper {self.upper:g}", "swap them")

    @classmethod
    def total(cls, names: Iterable[str], value: float) -> Linear:
        """Columns that add to a value.

        >>> str(Linear.total(["resin", "filler"], 1.0))
        'resin + filler = 1'
        """
        return cls(dict.fromkeys(names, 1.0), value, value)

    def __str__(self) -> str:
        terms = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in self.coefficients.items())
        if self.lower == self.upper:
            return f"{terms} = {self.lower:g}"
        low = f"{self.lower:g} <= " if math.isfinite(self.lower) else ""
        return low + terms + (f" <= {self.upper:g}" if math.isfinite(self.upper) else "")
