"""What a watch has seen, as tensors and JSON and back, for a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from mbo_core.runs.notes import Note
from mbo_core.runs.states import Json, Unstorable
from mbo_core.runs.watch import Phase, Watch
from mbo_core.stages.contracts import Stage

if TYPE_CHECKING:
    from mbo_core.recipes.recipe import Recipe

PLAIN = ("name", "total", "seeds", "done", "checked", "failed", "numbers")
"""The fields of a phase that are plain values."""

TENSORS = ("series", "latest")
"""Those that are tensors by name."""


def snapshot(watch: Watch, recipe: Recipe) -> tuple[dict[str, Tensor], Json]:
    """The phases and notes of a watch.

    Raises:
        Unstorable: for a phase of a stage that is not one of the recipe's roles.
    """
    described = [_described(phase, recipe) for phase in watch.phases]
    tensors = {name: one for i, phase in enumerate(watch.phases) for name, one in _tensors(phase, i)}
    return tensors, {"phases": described, "notes": [note.plain() for note in watch.notes]}


def _described(phase: Phase, recipe: Recipe) -> Json:
    plain = {name: getattr(phase, name) for name in PLAIN}
    return {**plain, "role": _role(phase.stage, recipe), **{name: list(getattr(phase, name)) for name in TENSORS}}


def _role(stage: Stage, recipe: Recipe) -> str:
    for role, one in recipe.stages().items():
        if one is stage or one == stage:
            return role
    raise Unstorable(f"{stage.role} {stage.name} is watched, but is not in the recipe")


def _tensors(phase: Phase, place: int) -> Iterator[tuple[str, Tensor]]:
    for kind in TENSORS:
        for name, tensor in getattr(phase, kind).items():
            # A copy, as the phase goes on.
            yield f"{place}/{kind}/{name}", tensor.detach().cpu().clone()


def restore(watch: Watch, described: Json, tensors: Mapping[str, Tensor], recipe: Recipe) -> None:
    """Let a watch have seen what `snapshot` was given."""
    watch.phases[:] = [_phase(each, i, tensors, recipe) for i, each in enumerate(described["phases"])]
    watch.notes[:] = [Note(**note) for note in described["notes"]]


def _phase(described: Json, place: int, tensors: Mapping[str, Tensor], recipe: Recipe) -> Phase:
    fields: dict[str, Any] = {name: described[name] for name in PLAIN}
    fields |= {"seeds": tuple(fields["seeds"]), "failed": {int(seed): why for seed, why in fields["failed"].items()}}
    for kind in TENSORS:
        fields[kind] = {name: tensors[f"watch/{place}/{kind}/{name}"] for name in described[kind]}
    return Phase(stage=recipe.stages()[described["role"]], **fields)
