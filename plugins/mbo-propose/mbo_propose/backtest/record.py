"""What a backtest found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_propose.backtest.candidates import Candidate
from mbo_propose.backtest.statistics import Interval, interval

RANDOM = "random"
NEAREST = "nearest row"
"""The baselines that are no recipes."""
REPEATS = 4
"""Fewer repeats speak neither against the default nor against the table."""


@dataclass(frozen=True)
class Picks:
    """What was picked from the hidden rows of one repeat.

    Attributes:
        gain: of the mean true score: 0 is that of all hidden rows, 1 that of the best batch among them.
        best: the gain of the best pick, in the same units.
        share: the share of the picks that are among the table's best fifth; a third at random.
        seconds: the time of the training.
    """

    gain: float
    best: float
    share: float
    seconds: float = 0.0


@dataclass
class Backtest:
    """What each recipe picked from hidden rows of the table.

    Attributes:
        candidates: the recipes, also those that were left out.
        designs: the number of distinct designs that were used.
        visible: how many of them a recipe was trained on.
        hidden: how many it could pick from.
        batch: how many it picked.
        asked: the repeats asked for.
        picks: by name and repeat; `random` and `nearest row` among the names.
        left_out: the recipes without a result, with the reason.
        late: those of them that only lacked time.
        notes: what else was not done, a sentence each.
        cannot_tell: why no recipe can be told from another; None if that is not so from the start.
        seconds: the wall time.
    """

    candidates: tuple[Candidate, ...]
    designs: int
    visible: int
    hidden: int
    batch: int
    asked: int
    picks: dict[str, dict[int, Picks]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    cannot_tell: str | None = None
    seconds: float = 0.0

    @property
    def tried(self) -> tuple[str, ...]:
        """The names of the recipes with a result."""
        return tuple(one.name for one in self.candidates if one.name in self.picks)

    @property
    def repeats(self) -> int:
        """The most repeats of a recipe."""
        return max((len(self.picks[name]) for name in self.tried), default=0)

    @property
    def without_gain(self) -> bool:
        """Whether enough repeats show no recipe that picks better than chance."""
        return self.repeats >= REPEATS and all(self.gain(name).lower <= 0 for name in self.tried)

    def gains(self, name: str) -> NDArray[np.float64]:
        """The gain in each repeat."""
        return np.array([one.gain for one in self.picks[name].values()])

    def gain(self, name: str) -> Interval:
        """The gain over random picks, whose expectation is 0."""
        return self._interval(self.gains(name))

    def against(self, name: str, other: str) -> Interval:
        """How much larger the gain is than that of another, over the repeats of both."""
        mine, theirs = self.picks[name], self.picks[other]
        return self._interval(np.array([mine[one].gain - theirs[one].gain for one in mine if one in theirs]))

    def _interval(self, values: NDArray[np.float64]) -> Interval:
        return interval(values, self.hidden / self.visible)

    def seconds_of(self, name: str) -> float:
        """The mean time of a training."""
        return float(np.mean([one.seconds for one in self.picks[name].values()]))

    def summary(self) -> Mapping[str, Any]:
        """Plain values for JSON: for each name the gain with its interval, the best pick and the share of the top."""
        found = {name: {**asdict(self.gain(name)), **self._means(name)} for name in self.picks}
        facts = {name: getattr(self, name) for name in ("designs", "visible", "hidden", "batch", "asked")}
        told = {name: getattr(self, name) for name in ("left_out", "notes", "cannot_tell")}
        return {**facts, "recipes": found, **told, "seconds": round(self.seconds, 1)}

    def _means(self, name: str) -> dict[str, float]:
        seen = self.picks[name].values()
        return {key: float(np.mean([getattr(one, key) for one in seen])) for key in ("best", "share", "seconds")}
