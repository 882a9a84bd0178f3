"""The true objective, or a model of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

Score: TypeAlias = Callable[[NDArray[Any]], NDArray[np.float64]]
"""Scores raw designs, float64 (n, d) or int64 (n, L): (n,) raw scores, larger is better."""


class Oracle(Protocol):
    """The true objective, or a model of it. Only evaluation may call it."""

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """Score raw designs, float64 (n, d) or int64 (n, L): (n,) raw scores, larger is better."""


@dataclass(frozen=True)
class FunctionOracle:
    """A plain function as an oracle."""

    function: Score

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """What the function returns."""
        return self.function(designs)


def as_oracle(given: Oracle | Score | None, task: str) -> Oracle | None:
    """The oracle that a task was given, whether as an object with `score` or as a function.

    Raises:
        TaskError: if it is neither.
    """
    if given is None or (hasattr(given, "score") and not isinstance(given, type)):
        return given
    if callable(given) and not isinstance(given, type):
        return FunctionOracle(given)
    what = f"the class {given.__name__}" if isinstance(given, type) else f"of type {type(given).__name__}"
    raise TaskError(f"{task}: the oracle is {what}", "give a function from designs (n, d) to scores (n,)")


@dataclass(frozen=True)
class Verdict:
    """The scores of an oracle that cannot score every design.

    Attributes:
        scores: (n,) raw scores; a design that could not be scored has the worst of the task.
        faults: why, by the row of each such design.
    """

    scores: NDArray[np.float64]
    faults: Mapping[int, str]


@runtime_checkable
class FallibleOracle(Oracle, Protocol):
    """An oracle that may fail on a design, such as a simulator, and that gives the reason."""

    def judge(self, designs: NDArray[Any]) -> Verdict:
        """The scores of `score`, with the reason for each design that could not be scored."""


@runtime_checkable
class MeasuredOracle(Oracle, Protocol):
    """An oracle that looks designs up among repeated measurements, and knows how far these differ."""

    def spread(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """The standard deviations over the measurements of raw designs, as for `score`: (n,), in units of the score."""


@dataclass(frozen=True)
class OracleSet:
    """Several possible oracles, e.g. one network trained from several seeds.

    The first is the task's oracle. The others score the same designs, since the ranking of methods may change with the
    seed of the oracle alone (Surana et al. 2025, arXiv:2502.17246).

    Attributes:
        members: the oracles by name, e.g. "0", "1"; at least one.
    """

    members: Mapping[str, Oracle]

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """The scores of the first oracle."""
        return next(iter(self.members.values())).score(designs)

    @property
    def columns(self) -> dict[str, str]:
        """The column of normalised scores of each oracle, by oracle; empty for a single oracle.

        >>> OracleSet({"0": None, "1": None}).columns
        {'0': 'normalised_oracle_0', '1': 'normalised_oracle_1'}
        """
        return {name: f"normalised_oracle_{name}" for name in self.members} if len(self.members) > 1 else {}


@dataclass(frozen=True)
class Turned:
    """An oracle of which smaller is better, turned, so that larger is."""

    oracle: Oracle

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """The negative scores."""
        return -np.asarray(self.oracle.score(designs))


@dataclass(frozen=True)
class FallibleTurned(Turned):
    """An oracle that may fail on a design, turned."""

    oracle: FallibleOracle

    def judge(self, designs: NDArray[Any]) -> Verdict:
        """The negative scores, with the faults; a design that could not be scored has the worst of the task."""
        verdict = self.oracle.judge(designs)
        return Verdict(-np.asarray(verdict.scores), verdict.faults)


@dataclass(frozen=True)
class MeasuredTurned(Turned):
    """An oracle of repeated measurements, turned."""

    oracle: MeasuredOracle

    def spread(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """The same standard deviations."""
        return self.oracle.spread(designs)


def turned(oracle: Oracle | None) -> Oracle | None:
    """An oracle of which smaller is better as one of which larger is."""
    if oracle is None:
        return None
    if isinstance(oracle, OracleSet):
        return OracleSet({name: one for name, member in oracle.members.items() if (one := turned(member)) is not None})
    if isinstance(oracle, FallibleOracle):
        return FallibleTurned(oracle)
    return MeasuredTurned(oracle) if isinstance(oracle, MeasuredOracle) else Turned(oracle)
