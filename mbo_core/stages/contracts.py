"""The stages and the contracts of the abilities; what flows between them is in `mbo_core.stages.data`.

A stage is a frozen dataclass whose fields are its options. `init` makes a state. `step` maps a state to the next state
and an `info` for people, whose names are declared in `infos`. Everything is written for ONE seed; the core lifts it to
many (`mbo_core.runs.seeds`). The order of the stages is::

    encoding  <  adversary  <  proxy  <  update  <  evaluation

A stage may hold and call stages to its left. Only evaluation receives the task with its oracle.

Shapes: `n` designs in a batch, `N` rows of data, `d` coordinates of an encoded design, `members` networks of
an ensemble.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import MboError
from mbo_core.stages.abilities import Ability, Moves, with_implied
from mbo_core.stages.data import (
    Batch,
    Data,
    Info,
    Key,
    Mined,
    Model,
    Prediction,
    Representation,
    Schedule,
    State,
)
from mbo_core.stages.options import options
from mbo_core.tasks.space import Kind

if TYPE_CHECKING:
    from mbo_core.stages.projection import Projection
    from mbo_core.tasks.space import Space
    from mbo_core.tasks.table import Table
    from mbo_core.tasks.task import Task


class Stage(ABC):
    """A stage fills a role of a recipe: a frozen, keyword-only dataclass whose fields are its options.

    A subclass is final: wrap it in another stage, but never override its methods.

    Options that cannot be combined raise a ValueError in `__post_init__`, before any work. If its text names options as
    `option=value`, the error shows where one of them was set, and what they mean.
    """

    name: ClassVar[str]
    """Its name in recipes, e.g. `gradient-ascent`; unique among the stages of its role."""
    role: ClassVar[str] = "stage"
    """The role it fills in a recipe; set by the five abstract classes below."""
    infos: ClassVar[Mapping[str, str]] = {}
    """The meaning of each of its infos, by name; see the function `infos`. Undeclared infos are refused."""
    notes: ClassVar[Mapping[str, str]] = {}
    """Notes by the name of an info, shown for a trial if that info is not 0 at its last step."""
    lift: ClassVar[Literal["vmap", "loop"]] = "vmap"
    """How the core runs many seeds: `loop` for a stage with Python control flow or an external library."""
    excludes: ClassVar[Mapping[str, str]] = {}
    """Why a stage cannot be in the same recipe, by its role and name: `{"objective near-data": "..."}`."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """A stage that remembers which options it was given, as the others may depend on the kind of space."""
        made = super().__new__(cls)
        object.__setattr__(made, "_given", frozenset(given))
        return made


def left_open(stage: Stage) -> set[str]:
    """The options of a stage that were not given to it, and whose default depends on the kind of space."""
    given: frozenset[str] = vars(stage)["_given"]
    return {name for name, one in options(type(stage)).items() if one.by_kind and name not in given}


def stages_inside(stage: Stage) -> list[Stage]:
    """The stages that a stage holds as options."""
    values = (getattr(stage, one.name) for one in fields(cast(Any, stage)))
    return [value for value in values if isinstance(value, Stage)]


def with_inner(stage: Stage) -> list[Stage]:
    """A stage and all its inner stages at any depth, outer ones first."""
    return [stage, *(one for held in stages_inside(stage) for one in with_inner(held))]


def infos(stage: Stage | type[Stage]) -> dict[str, str]:
    """The meaning of each info of a stage: those of its class, its bases, and its inner stages."""
    return _declared(stage, "infos")


def notes(stage: Stage | type[Stage]) -> dict[str, str]:
    """The note for each info that should be 0 at the end, of the same classes as `infos`."""
    return _declared(stage, "notes")


def _declared(stage: Stage | type[Stage], what: str) -> dict[str, str]:
    classes = [stage] if isinstance(stage, type) else [type(one) for one in reversed(with_inner(stage))]
    bases = [base for one in classes for base in reversed(one.__mro__)]
    return {name: text for base in bases for name, text in vars(base).get(what, {}).items()}


class Encoding(Stage):
    """Maps designs to the float vectors that the stages see, and back."""

    role: ClassVar[str] = "encoding"
    kinds: ClassVar[frozenset[Kind]]
    """The kinds of task it can encode."""
    seeded: ClassVar[bool] = False
    """Whether fitting it is random, so each seed has its own."""

    @abstractmethod
    def init(self, key: Key, table: Table) -> State:
        """Fit the encoding to the visible designs of a table."""

    @abstractmethod
    def encode(self, state: State, x: Tensor) -> Tensor:
        """Encode raw designs, float64 (n, d_raw) or int64 (n, L), as float vectors (n, d)."""

    @abstractmethod
    def decode(self, state: State, x: Tensor) -> Tensor:
        """Decode float vectors (n, d) to raw designs, float64 (n, d_raw) or int64 (n, L)."""

    @abstractmethod
    def shape(self, state: State) -> tuple[int, ...]:
        """An encoded design's shape before it is flattened, e.g. (8, 3)."""

    @property
    @abstractmethod
    def representation(self) -> Representation:
        """The kind of its vectors."""


@runtime_checkable
class WithInfo(Protocol):
    """A lossy encoding that reports its loss."""

    def info(self, state: State, table: Table) -> Info:
        """Scalars noted for each trial, e.g. the share of visible designs that decode to themselves."""


@runtime_checkable
class WithProjection(Protocol):
    """An encoding that can keep its vectors inside a space while a search moves them."""

    def projection(self, state: State, space: Space) -> Projection:
        """The map onto the vectors that lie in the space, but for steps and levels, which only decoding takes."""


class Adversary(Stage):
    """Moves designs or weights to where the proxy is worst."""

    role: ClassVar[str] = "adversary"
    moves: ClassVar[frozenset[Moves]]

    @abstractmethod
    def init(self, key: Key, data: Data) -> State:
        """The initial state of the adversary; `()` if it needs none."""

    @abstractmethod
    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """Move `start` to where `model` is worst; the result carries no gradient.

        Designs stay in the space if each move ends with a projection: `x = batch.project(x + step)`.
        """


class Proxy(Stage):
    """A learned model of the objective."""

    role: ClassVar[str] = "proxy"
    infos: ClassVar[Mapping[str, str]] = {"loss": "the training loss on the batch, before the step"}
    abilities: ClassVar[frozenset[Ability]]
    """What it can do. Those that others imply need not be named."""
    trains_against: ClassVar[frozenset[Moves]] = frozenset()
    """The moves it can train against."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        declared = vars(cls).get("abilities")
        if isinstance(declared, (set, frozenset)) and "values" in declared:
            cls.abilities = with_implied(declared)

    @abstractmethod
    def schedule(self, data: Data) -> Schedule:
        """How the core cuts `data` into batches; unsupported data are refused here.

        A proxy with the usual options calls `schedule_of(self)`, and gets steps, held-out rows that judge it, the best
        state and a second training on all rows with them.

        Raises:
            TaskError: before any training.
        """

    @abstractmethod
    def init(self, key: Key, data: Data) -> State | tuple[State, Info]:
        """An untrained state; or one that is fitted at once, with an info that tells what the fit chose.

        The infos are declared like those of `step`. They are recorded as the phase `fit`, and shown after the run: the
        mean and standard deviation over seeds, and the texts of `notes`::

            infos = {"lengthscale": "the most likely of those tried"}

            def init(self, key, data):
                lengthscale = self.most_likely(data)
                return self.fitted(data, lengthscale), {"lengthscale": lengthscale}
        """

    def step(self, key: Key, state: State, batch: Batch) -> tuple[State, Info]:
        """One training step on a batch; the info has at least `loss`.

        Without epochs in its schedule a proxy needs no step.
        """
        raise MboError(f'proxy "{self.name}" has epochs but no step', "write step, or a schedule without epochs")

    def finish(self, key: Key, state: State, data: Data) -> State:
        """The state after training; by default it stays as it is.

        Called once, after the last step, or after `init` if the schedule has no epochs. It is the place for what needs
        the trained proxy and all rows: calibration, the scale of the output, a fit of the last layer. For a ranking
        whose state holds `scale`::

            def finish(self, key, state, data):
                return state._replace(scale=self.scores(state, data.x).std())

        Args:
            key: for random draws.
            state: after the last step; that of a seed whose training diverged is left out.
            data: the visible data, with the rows that were held out.

        Returns:
            A state of the structure, shapes and dtypes of `init`'s, so that it can be stored and read.
        """
        return state

    @abstractmethod
    def predict(self, state: State, x: Tensor) -> Prediction:
        """Predict n designs, (n, d)."""


@runtime_checkable
class WithParams(Protocol):
    """A proxy with the ability `params`; its state has an attribute `params`."""

    def model(self, state: State) -> Model:
        """The proxy as functions of its weights.

        Only `state.params` are weights, which an adversary or an update may move. What is fixed, such as the support
        points of a kernel or a scale, the functions take from the state::

            def model(self, state):
                return Model(lambda params, x: self.kernel(x, state.x) @ params, self.loss)
        """


@runtime_checkable
class WithMembers(Protocol):
    """A proxy with the ability `members`."""

    def predict_members(self, state: State, x: Tensor) -> Prediction:
        """Predict n designs by each member: mean and std (members, n)."""


class Update(Stage):
    """Moves candidate designs: the search."""

    role: ClassVar[str] = "update"
    from_designs: ClassVar[bool] = True
    """Whether it searches from the designs of `stages.top`; False for one that draws from a model of the data."""

    @property
    @abstractmethod
    def needs(self) -> frozenset[Ability]:
        """The abilities it requires of its proxy; they may depend on the options."""

    def check(self, data: Data) -> None:
        """Refuse data that it cannot search from; by default none.

        Called before any training. A stage that wraps an update passes it on::

            def check(self, data):
                check_starts(data, self.candidates)
                self.inner.check(data)

        Raises:
            TaskError: e.g. for fewer rows than candidates.
        """

    @abstractmethod
    def length(self, data: Data) -> int:
        """The number of steps that the core takes; it only counts, and refuses nothing."""

    @abstractmethod
    def init(self, key: Key, data: Data, proxy_state: State) -> State | tuple[State, Info]:
        """The state before the first step; or one with an info that tells how it was prepared.

        The infos are declared like those of `step`, and recorded as the phase `prepare the search`. A stage that wraps
        an update takes both apart with `state_and_info`::

            inner, info = state_and_info(self.inner.init(key, data, proxy_state))
            return WrappedState(inner), info

        Every step keeps the structure, shapes and dtypes of this state: a search that was stopped then goes on at its
        last checkpoint, and else begins again. Keep all that a step needs in the state, nothing in the stage.
        """

    @abstractmethod
    def step(self, key: Key, state: State, data: Data, number: int) -> tuple[State, Info]:
        """One step of the search.

        Args:
            key: the step's key.
            state: of the step before, or from `init`.
            data: the visible data.
            number: of the step, from 0 to `length(data) - 1`; the same for all seeds, so that it may choose a phase:
                `train` while `number < 20`, then `draw`. A stage that wraps an update passes it on.
        """

    @abstractmethod
    def designs(self, state: State) -> Tensor:
        """The current candidates, (candidates, d), encoded."""


class Evaluation(Stage):
    """Scores the final candidates; the only stage that receives the task."""

    role: ClassVar[str] = "evaluation"

    @abstractmethod
    def score(self, designs: NDArray[Any], task: Task) -> Mapping[str, NDArray[np.float64] | Sequence[str]]:
        """Score raw designs, float64 (n, d_raw) or int64 (n, L): one (n,) array per name; `raw` is required.

        A name may also have n texts, shown beside the scores in the record. The texts of `fault` say why a design could
        not be scored, and are empty for the others.
        """
