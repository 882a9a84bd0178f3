"""Checkpoints inside the phases of a group of seeds, so that a run that was stopped goes on where it was.

Each phase has one file of tensors and JSON: the states that its loop carries, how many steps are done, and what the
watch has seen. The keys of all random numbers are named by step, so that nothing else is needed for the same bits.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mbo_core.errors import MboError, StoreError, reason_of, warn
from mbo_core.runs.seeds import PerSeed
from mbo_core.runs.states import Json, pack, unpack
from mbo_core.runs.store import read_tensors, tensors_file, write
from mbo_core.runs.watched import restore, snapshot

if TYPE_CHECKING:
    from mbo_core.runs.records import Run

FOLDER = "checkpoint"
"""The folder of the checkpoints in that of a run."""

EVERY = 120.0
"""Seconds between two checkpoints of a phase."""

VARIABLE = "MBO_CHECKPOINT_SECONDS"
"""The environment variable that changes them; 0 for a checkpoint after every step."""

SHARE = 50
"""Checkpoints take at most one part in so many of the time, but for those at the end of a phase."""

SOONER = 10
"""At the end of a phase a checkpoint is due after this part of the time between two."""

MOST_BYTES = 4 * 2**30
"""The largest checkpoint; more costs more than it saves."""


def every() -> float:
    """Seconds between two checkpoints, as the environment asks.

    Raises:
        StoreError: if that is no number of seconds.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text or EVERY)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise StoreError(f"{VARIABLE} is {text!r}", "give the seconds between two checkpoints, e.g. 120")
    return seconds


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Attributes:
        about: what the phase stored beside its states, as plain values.
        tensors: all tensors by name.
    """

    about: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def done(self) -> int:
        """The steps done."""
        done: int = self.about["done"]
        return done

    def state(self, name: str, like: Any) -> Any:
        """A state, filled into a fresh one of the same structure.

        Raises:
            MboError: if it does not fit.
        """
        prefix = f"{name}/"
        own = {key.removeprefix(prefix): one for key, one in self.tensors.items() if key.startswith(prefix)}
        laid = {key: _laid_out(one, self.about["strides"][prefix + key]) for key, one in own.items()}
        filled = unpack(laid, self.about["states"][name], _listed(like))
        return PerSeed(filled) if isinstance(like, PerSeed) else filled


def _laid_out(stored: Tensor, strides: Sequence[int]) -> Tensor:
    """A tensor with the order of its axes in memory, on which the last bits of a product may depend."""
    if tuple(strides) == stored.stride():
        return stored
    return torch.empty_strided(stored.shape, tuple(strides), dtype=stored.dtype).copy_(stored)


def _listed(state: Any) -> Any:
    return list(state) if isinstance(state, PerSeed) else state


@dataclass
class Checkpoints:
    """The checkpoints of a group of seeds.

    Attributes:
        folder: where they are, or None to keep none.
        every: seconds between two.
    """

    folder: Path | None = None
    every: float = EVERY
    _last: float = field(default_factory=time.monotonic)
    _took: float = 0.0
    _refused: set[str] = field(default_factory=set)

    def due(self, phase: str, end: bool = False) -> bool:
        """Whether it is time for a checkpoint of a phase, which is sooner at its end."""
        if self.folder is None or phase in self._refused:
            return False
        wait = max(self.every, SHARE * self._took) if self.every else 0.0
        return time.monotonic() - self._last >= (wait / SOONER if end else wait)

    def save(self, phase: str, run: Run, states: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Store the states of a phase by name; what cannot be stored is warned of once.

        Args:
            phase: its name.
            run: the seeds that it works on, and what was seen so far.
            states: what its loop carries: nests of tensors with a leading seed axis, or `PerSeed`.
            about: plain values: `done`, and others that the phase knows.
        """
        began = time.monotonic()
        try:
            self._write(phase, *_packed(states), {**about, "seeds": list(run.seeds)}, *snapshot(run.watch, run.recipe))
        except Exception as error:
            # What a third party's state gives may raise anything.
            self._refused.add(phase)
            warn(f"no checkpoint of the phase {phase}, which a stopped run begins again: {reason_of(error)}")
        self._last = time.monotonic()
        self._took = self._last - began

    def _write(
        self,
        phase: str,
        tensors: dict[str, Tensor],
        described: dict[str, Json],
        about: Mapping[str, Any],
        seen: Mapping[str, Tensor],
        watch: Json,
    ) -> None:
        strides = {name: list(tensor.stride()) for name, tensor in tensors.items()}
        everything = {**tensors, **{f"watch/{name}": tensor for name, tensor in seen.items()}}
        size = sum(tensor.numel() * tensor.element_size() for tensor in everything.values())
        if size > MOST_BYTES:
            raise StoreError(f"it would take {size / 2**30:.1f} GiB")
        text = json.dumps({**about, "states": described, "strides": strides, "watch": watch})
        content = tensors_file(everything, {"about": text, "sha256": _digest(everything, text)})
        write(self._path(phase), content, sync=True)

    def _load(self, phase: str, seeds: Sequence[int]) -> Saved | None:
        """The checkpoint of a phase, or None; one that is damaged is warned of, one of other seeds is not used."""
        if self.folder is None or not self._path(phase).exists():
            return None
        try:
            tensors, about = read_tensors(self._path(phase))
            known: dict[str, Any] = json.loads(about["about"])
            if about["sha256"] != _digest(tensors, about["about"]):
                raise StoreError("checksum mismatch")
        except (StoreError, LookupError, TypeError, ValueError) as error:
            warn(f"checkpoint cannot be used, the phase {phase} begins again: {reason_of(error)}")
            return None
        return Saved(known, tensors) if known["seeds"] == list(seeds) else None

    def resumed(self, phase: str, run: Run, fill: Callable[[Saved], None]) -> int:
        """Go on with a phase: fill its states from the checkpoint, and the watch; the steps done, 0 if there is none.

        Args:
            phase: its name.
            run: the seeds that it works on; what its watch has seen is replaced.
            fill: takes the states, and changes nothing if it raises.
        """
        saved = self._load(phase, run.seeds)
        if saved is None:
            return 0
        try:
            fill(saved)
        except (MboError, LookupError, RuntimeError) as error:
            warn(f"checkpoint does not fit, the phase {phase} begins again: {reason_of(error)}")
            return 0
        restore(run.watch, saved.about["watch"], saved.tensors, run.recipe)
        return saved.done

    def clear(self) -> None:
        """Remove all, as the group is finished."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, phase: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{phase}.safetensors"


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _packed(states: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Json]]:
    tensors: dict[str, Tensor] = {}
    described = {}
    for name, state in states.items():
        own, described[name] = pack(_listed(state), torch.preserve_format)
        tensors |= {f"{name}/{key}": tensor for key, tensor in own.items()}
    return tensors, described
