"""The true objective, or a model of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

Score: TypeAlias = Callable[..., NDArray[np.float64]]
"""Scores raw designs, float64 (n, d) or int64 (n, L): (n,) raw scores, larger is better, -inf for an infeasible design.

If it has a parameter `key`, it is given a whole number that follows from the run's seed: draw its noise from
`numpy.random.default_rng(key)`.
"""

INFEASIBLE = "infeasible"
"""What `designs.csv` says of a design that an oracle scored as -inf."""


class Oracle(Protocol):
    """The true objective, or a model of it. Only evaluation may call it.

    An attribute `noisy = True` says that the same design may get another score; so does a parameter `key` of `score`,
    see `Score`. An attribute `costly = True` keeps a run from trying the oracle on two rows before the training.
    """

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """Score raw designs, float64 (n, d) or int64 (n, L): (n,) raw scores, larger is better."""


OracleT = TypeVar("OracleT", bound=Oracle)


@dataclass(frozen=True)
class FunctionOracle:
    """A plain function as an oracle."""

    function: Score

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """What the function returns."""
        return self.function(designs)


@dataclass(frozen=True)
class KeyedOracle:
    """An oracle whose noise follows from a key.

    Attributes:
        function: from raw designs and a key to scores.
        key: the key.
    """

    function: Score
    key: int = 0
    noisy: ClassVar[bool] = True

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """What the function returns with the key."""
        return self.function(designs, key=self.key)


def as_oracle(given: Oracle | Score | None, task: str) -> Oracle | None:
    """The oracle that a task was given, whether as an object with `score` or as a function.

    Raises:
        TaskError: if it is neither.
    """
    if isinstance(given, OracleSet):
        return OracleSet({name: _member(name, one, task) for name, one in _members(given, task)})
    score, ready = getattr(given, "score", None), cast("Oracle | None", given)
    if given is None or isinstance(given, (KeyedOracle, Turned)):
        return ready
    if callable(score) and not isinstance(given, type):
        if _takes_key(score) and isinstance(given, (FallibleOracle, MeasuredOracle)):
            fact = f"{task}: `score` of the oracle takes a key, which one with `judge` or `spread` cannot"
            raise TaskError(fact, "leave out the parameter `key`")
        return KeyedOracle(score) if _takes_key(score) else ready
    if callable(given) and not isinstance(given, type):
        return KeyedOracle(given) if _takes_key(given) else FunctionOracle(given)
    if score is not None and not isinstance(given, type):
        fact = f"{task}: `score` of the oracle is of type {type(score).__name__}"
        raise TaskError(fact, "make it a function from designs (n, d) to scores (n,)")
    what = f"the class {given.__name__}" if isinstance(given, type) else f"of type {type(given).__name__}"
    raise TaskError(f"{task}: the oracle is {what}", "give a function from designs (n, d) to scores (n,)")


def _members(given: OracleSet, task: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(given.members, Mapping) or not given.members:
        raise TaskError(f"{task}: the set of oracles has no member", "give a mapping of at least one oracle by name")
    return given.members.items()


def _member(name: str, given: Any, task: str) -> Oracle:
    found = as_oracle(given, f"{task}: oracle {name!r}")
    if found is None or isinstance(found, OracleSet) or not isinstance(name, str):
        raise TaskError(f"{task}: member {name!r} of the set of oracles is {given!r}", "give an oracle by a name")
    return found


def _takes_key(function: Any) -> bool:
    try:
        return "key" in signature(function).parameters
    except (TypeError, ValueError):  # a function written in C may not say
        return False


def is_noisy(oracle: Oracle | None) -> bool:
    """Whether the same design may get another score."""
    return any(getattr(one, "noisy", False) is True for one in _given(oracle))


def is_costly(oracle: Oracle | None) -> bool:
    """Whether an oracle asks not to be tried before the training."""
    return any(getattr(one, "costly", False) is True for one in _given(oracle))


def _given(oracle: Any) -> list[Any]:
    """What a person gave as an oracle, or as each of a set: without what the core put around it."""
    if isinstance(oracle, OracleSet):
        return [one for member in oracle.members.values() for one in _given(member)]
    if isinstance(oracle, Turned):
        return _given(oracle.oracle)
    inner = oracle.function if isinstance(oracle, (KeyedOracle, FunctionOracle)) else None
    return [oracle, inner, getattr(inner, "__self__", None)]


def drawn(oracle: OracleT, *numbers: int) -> OracleT:
    """The oracle with the key that follows from its own and from numbers; itself if it takes none."""
    if isinstance(oracle, OracleSet):
        return replace(oracle, members={name: drawn(one, *numbers) for name, one in oracle.members.items()})
    if isinstance(oracle, Turned):
        return replace(oracle, oracle=drawn(oracle.oracle, *numbers))
    if not isinstance(oracle, KeyedOracle):
        return oracle
    mixed = np.random.SeedSequence([oracle.key, *numbers]).generate_state(1, np.uint64)
    return replace(oracle, key=int(mixed[0] >> np.uint64(1)))


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
