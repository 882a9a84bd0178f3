"""The stages and the contracts of the abilities; what flows between them is in `mbo_core.stages.data`.

A stage is a frozen dataclass whose fields are its options. `init` makes a state, `step` maps a state to the
next state and an `info` that people read, its names declared in `infos`. All of it is written for ONE seed: the core
lifts it to many (`mbo_core.runs.seeds`). Who may know whom::

    encoding  <  adversary  <  proxy  <  update  <  evaluation

Each stage may hold and call what stands to its left. Only evaluation is given the task with its oracle.

Shapes: `n` designs in a batch, `N` rows of data, `d` coordinates of an encoded design, `members` networks of
an ensemble.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

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

if TYPE_CHECKING:
    from mbo_core.tasks.table import Table
    from mbo_core.tasks.task import Task

Ability: TypeAlias = Literal["values", "gradients", "uncertainty", "partial_fit", "members", "params"]
"""What a proxy can do. Each has one contract, tested by `mbo_core.testing`:

* `values`: `predict(state, x).mean` is the predicted standardised score of each design.
* `gradients`: that mean is differentiable in `x`.
* `uncertainty`: `predict(state, x).std` is a positive standard deviation that means something.
* `partial_fit`: `step` may be called again at any later time, with any batch, and honours `batch.w`.
* `members`: a leading member axis; `batch.y` may be given per member; `predict_members` exists.
* `params`: `model()` gives the functions of `params`, and `state.params` exists.

A plugin may add its own for its proxies and updates, after its distribution's name: `mbo-kernel:kernel`. The core only
checks that a proxy has what an update needs; the plugin tests what its ability promises. Any other word is refused.
"""

Moves: TypeAlias = Literal["designs", "weights"]
"""What an adversary moves, and what a proxy can be trained against."""

ABILITIES: frozenset[Ability] = frozenset({"values", "gradients", "uncertainty", "partial_fit", "members", "params"})


class Stage(ABC):
    """What fills a role of a recipe: a frozen, keyword-only dataclass whose fields are its options.

    A subclass is final: wrap it in another stage, never override what is implemented.

    Options that do not go together raise a ValueError in `__post_init__`, before any work. Those that its text names as
    `option=value` are looked up: people are told where one of them was written, and what they mean.
    """

    name: ClassVar[str]
    """How recipes call it, e.g. `gradient-ascent`; unique among the stages of its role."""
    role: ClassVar[str] = "stage"
    """The role in a recipe that it fills; set by the five abstract roles."""
    infos: ClassVar[Mapping[str, str]] = {}
    """The meaning of each info that it gives, by name; see the function `infos`. One of another name is refused."""
    notes: ClassVar[Mapping[str, str]] = {}
    """By the name of an info: what people have to know of a trial whose last step gave another value than 0 for it."""
    lift: ClassVar[Literal["vmap", "loop"]] = "vmap"
    """How the core runs many seeds: `loop` for a stage with Python control flow or an outside library."""


def stages_inside(stage: Stage) -> list[Stage]:
    """The stages that a stage holds as options."""
    values = (getattr(stage, one.name) for one in fields(cast(Any, stage)))
    return [value for value in values if isinstance(value, Stage)]


def with_inner(stage: Stage) -> list[Stage]:
    """A stage and all that it holds, at any depth, outer ones first."""
    return [stage, *(one for held in stages_inside(stage) for one in with_inner(held))]


def infos(stage: Stage | type[Stage]) -> dict[str, str]:
    """The meaning of each info that a stage may give: those of its class, of its bases, and of the stages inside it."""
    return _declared(stage, "infos")


def notes(stage: Stage | type[Stage]) -> dict[str, str]:
    """The note that stands for each info which ought to be 0 in the end, of the same classes as `infos`."""
    return _declared(stage, "notes")


def _declared(stage: Stage | type[Stage], what: str) -> dict[str, str]:
    classes = [stage] if isinstance(stage, type) else [type(one) for one in reversed(with_inner(stage))]
    bases = [base for one in classes for base in reversed(one.__mro__)]
    return {name: text for base in bases for name, text in vars(base).get(what, {}).items()}


class Encoding(Stage):
    """The map from designs to the float vectors that the stages see, and back."""

    role: ClassVar[str] = "encoding"
    kinds: ClassVar[frozenset[Literal["continuous", "discrete"]]]
    """The kinds of task it can encode."""
    seeded: ClassVar[bool] = False
    """Whether fitting it is random, so that each seed has its own."""

    @abstractmethod
    def init(self, key: Key, table: Table) -> State:
        """Fit the encoding to the visible designs of a table."""

    @abstractmethod
    def encode(self, state: State, x: Tensor) -> Tensor:
        """Raw designs, float64 (n, d_raw) or int64 (n, L), to float vectors (n, d)."""

    @abstractmethod
    def decode(self, state: State, x: Tensor) -> Tensor:
        """Float vectors (n, d) to raw designs, float64 (n, d_raw) or int64 (n, L)."""

    @abstractmethod
    def shape(self, state: State) -> tuple[int, ...]:
        """An encoded design's shape before it is flattened, e.g. (8, 3)."""

    @property
    @abstractmethod
    def representation(self) -> Representation:
        """What the vectors are."""


@runtime_checkable
class WithInfo(Protocol):
    """An encoding that loses something, and can tell how much."""

    def info(self, state: State, table: Table) -> Info:
        """Scalars that are noted of each trial, e.g. the share of visible designs that decode to themselves."""


class Adversary(Stage):
    """What moves designs or weights to where the proxy is worst."""

    role: ClassVar[str] = "adversary"
    moves: ClassVar[frozenset[Moves]]

    @abstractmethod
    def init(self, key: Key, data: Data) -> State:
        """Make the adversary's state; `()` where it keeps none."""

    @abstractmethod
    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """Move `start` to where `model` is worst; what is returned carries no gradient."""


class Proxy(Stage):
    """A learned model of the objective."""

    role: ClassVar[str] = "proxy"
    infos: ClassVar[Mapping[str, str]] = {"loss": "the training loss on the batch, before the step"}
    abilities: ClassVar[frozenset[Ability]]
    trains_against: ClassVar[frozenset[Moves]] = frozenset()
    """The moves of an adversary under which it can train."""

    @abstractmethod
    def schedule(self, data: Data) -> Schedule:
        """How the core cuts `data` into batches; data which it cannot learn from are refused here.

        Raises:
            TaskError: before any training.
        """

    @abstractmethod
    def init(self, key: Key, data: Data) -> State:
        """An untrained state."""

    @abstractmethod
    def step(self, key: Key, state: State, batch: Batch) -> tuple[State, Info]:
        """One training step on a batch; the info has at least `loss`."""

    @abstractmethod
    def predict(self, state: State, x: Tensor) -> Prediction:
        """Predict n designs, (n, d)."""


@runtime_checkable
class WithParams(Protocol):
    """A proxy with the ability `params`; its state has an attribute `params`."""

    def model(self) -> Model:
        """The proxy as functions of its weights."""


@runtime_checkable
class WithMembers(Protocol):
    """A proxy with the ability `members`."""

    def predict_members(self, state: State, x: Tensor) -> Prediction:
        """Predict n designs by each member: mean and std (members, n)."""


class Update(Stage):
    """What moves candidate designs: the search."""

    role: ClassVar[str] = "update"

    @property
    @abstractmethod
    def needs(self) -> frozenset[Ability]:
        """What its proxy has to be able to do; it may depend on the options."""

    @abstractmethod
    def length(self, data: Data) -> int:
        """The number of steps that the core takes.

        Called with the data before any training, so that data which it cannot search from are refused here.

        Raises:
            TaskError: e.g. for fewer rows than candidates.
        """

    @abstractmethod
    def init(self, key: Key, data: Data, proxy_state: State) -> State:
        """The state before the first step."""

    @abstractmethod
    def step(self, key: Key, state: State, data: Data) -> tuple[State, Info]:
        """One step of the search."""

    @abstractmethod
    def designs(self, state: State) -> Tensor:
        """The current candidates, (candidates, d), encoded."""


class Evaluation(Stage):
    """What scores the final candidates; the only stage that is given the task."""

    role: ClassVar[str] = "evaluation"

    @abstractmethod
    def score(self, designs: NDArray[Any], task: Task) -> Mapping[str, NDArray[np.float64] | Sequence[str]]:
        """Score raw designs, float64 (n, d_raw) or int64 (n, L): one (n,) array a name; `raw` is always there.

        A name may also have n texts, which the record shows beside the scores; those of `fault` say why a design could
        not be scored, and are empty for the others.
        """
