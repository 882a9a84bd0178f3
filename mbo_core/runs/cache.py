"""A cache of trained proxies: a plugin that answers `mbo_train_proxy` if the same proxy was trained before.

Each seed has one entry: `<key>.json` with the training steps and the description of the state, and the tensors in
`<digest>.safetensors`. The digest covers both files, so two runs that write the same entry at once cannot mix them up.
The key depends on versions, not on code: while you edit a stage, run without a cache.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from mbo_core.errors import MboError, StoreError, reason_of, warn
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.recipes.recipe import written
from mbo_core.runs.records import HeldOut, Run, TrainedProxy
from mbo_core.runs.seeds import BySeed, mode
from mbo_core.runs.states import Json, Unstorable, pack, unpack
from mbo_core.runs.store import creating, slug, write
from mbo_core.runs.training import untrained
from mbo_core.tasks.space_table import to_table
from mbo_core.tasks.table import Table

FORMAT = 2
"""The version of the entries' layout; it is part of the key."""

ROLES = ("encoding", "adversary", "proxy")
"""The roles that a trained proxy depends on. The update is not one: several can share a proxy."""

CHECKED_ROWS = 16
"""The number of designs on which a stored state must predict the same as before."""


@dataclass(frozen=True)
class Entry:
    """One seed's trained proxy.

    Attributes:
        state: its state.
        steps: the kept infos of its training, from `Watch.rows`.
        held_out: its quality on held-out rows, or None.
    """

    state: Any
    steps: Sequence[Mapping[str, Any]]
    held_out: HeldOut | None


@dataclass(eq=False)
class Cache:
    """The plugin, for `mbo.run(..., plugins=[Cache.create(folder)])`.

    Args:
        folder: where the entries are.
    """

    folder: Path
    _writes: bool = True

    @classmethod
    def create(cls, folder: Path) -> Cache:
        """The cache in a folder, which is created if needed.

        Raises:
            StoreError: if it is a file, or cannot be created.
        """
        with creating(folder, "--cache"):
            folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    @hookimpl(tryfirst=True, specname="mbo_train_proxy")
    def recall(self, run: Run) -> TrainedProxy | None:
        """Return the cached seeds; the others are left to the next plugin."""
        if not run.recipe.proxy.schedule(run.data).trains:
            return None  # A proxy without epochs is complete after `init`, so a cache gains nothing.
        found = {seed: entry for seed in run.seeds if (entry := self._load(run.only([seed])))}
        for seed, entry in found.items():
            run.watch.replay(run.recipe.proxy, seed, entry.steps)
        if not found:
            return None
        states = {seed: entry.state for seed, entry in found.items()}
        held_out = {seed: entry.held_out for seed, entry in found.items() if entry.held_out}
        return TrainedProxy(BySeed.of(states, mode(run.recipe.proxy)), cached=tuple(found), held_out=held_out)

    @hookimpl(wrapper=True, trylast=True, specname="mbo_train_proxy")
    def keep(self, run: Run) -> Generator[None, TrainedProxy, TrainedProxy]:
        """Store the newly trained proxies, and return them as read back from the stored form."""
        trained = yield
        if trained.cached or not run.recipe.proxy.schedule(run.data).trains:
            return trained
        quality = trained.held_out
        states = {
            seed: self._kept(run.only([seed]), state, quality.get(seed)) for seed, state in trained.states.items()
        }
        return replace(trained, states=BySeed.of(states, mode(run.recipe.proxy))) if states else trained

    def _load(self, run: Run) -> Entry | None:
        """The entry of the only seed of `run`; a damaged one is reported and counts as missing."""
        path = self._path(key(run))
        try:
            if not path.exists():
                return None
            record = json.loads(path.read_bytes())
            entry, tensors = record["entry"], self._tensors(record["digest"]).read_bytes()
            if _digest(entry, tensors) != record["digest"]:
                raise StoreError("checksum mismatch")
            state = unpack(load(tensors), entry["state"], untrained(run, "loop")[0])
            return Entry(state, entry["steps"], HeldOut(**entry["held_out"]) if entry["held_out"] else None)
        except (MboError, OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
            warn(f"cached proxy {path} cannot be used, retraining: {reason_of(error)}")
            return None

    def _kept(self, run: Run, state: Any, held_out: HeldOut | None) -> Any:
        """Store the state of the only seed of `run` and read it back, so that all runs continue with equal states."""
        if not self._writes:
            return state
        try:
            tensors, described = pack(state)
            back = unpack(tensors, described, untrained(run, "loop")[0])
            _check_alike(run, state, back)
            quality = asdict(held_out) if held_out else None
            entry = {"state": described, "steps": run.watch.rows(run.seeds[0]), "held_out": quality}
            self._write(key(run), entry, save(tensors))
        except MboError as error:
            warn(f'proxy "{run.recipe.proxy.name}" is not cached: {reason_of(error)}')
            self._writes = False
            return state
        return back

    def _write(self, name: str, entry: Json, tensors: bytes) -> None:
        digest = _digest(entry, tensors)
        write(self._tensors(digest), tensors)
        # Last, as an entry without its tensors counts as damaged.
        write(self._path(name), json.dumps({"digest": digest, "entry": entry}))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _tensors(self, digest: str) -> Path:
        return self.folder / f"{slug(digest)}.safetensors"


def key(run: Run) -> str:
    """A digest of everything the trained proxy of the only seed of `run` depends on, as 64 hexadecimal digits."""
    table, stages = run.task.table, [getattr(run.recipe, role) for role in ROLES]
    content = {
        "format": FORMAT,
        "recipe": [written(stage) for stage in stages],
        "data": data_of(table),
        "seed": run.seeds[0],
        "device": str(run.encoded.y.device),
        "float32_products": torch.get_float32_matmul_precision(),
        "versions": _versions(run),
    }
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def data_of(table: Table) -> list[Any]:
    """The types, shapes and digests of a table's arrays, and its space."""
    return [_of_array(table.x), _of_array(table.y), _of_array(table.weights), to_table(table.space)]


def _of_array(values: NDArray[Any]) -> list[Any]:
    return [str(values.dtype), values.shape, sha256(values.tobytes()).hexdigest()]


def _versions(run: Run) -> dict[str, str]:
    """The versions of the core, torch, numpy, and the distributions of the stages."""
    plugins = {name: of for role in ROLES for name, of in run.recipe.distributions.get(role, {}).items()}
    return {**plugins, "mbo-core": version("mbo-core"), "torch": torch.__version__, "numpy": np.__version__}


def _check_alike(run: Run, state: Any, back: Any) -> None:
    """Detect an object whose state dict is incomplete.

    Raises:
        Unstorable: if the two predict differently.
    """
    x = run.data.x[:CHECKED_ROWS]
    for before, after in zip(*(run.recipe.proxy.predict(one, x) for one in (state, back)), strict=True):
        if not torch.allclose(before, after, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise Unstorable("its state predicts differently after a round trip through state_dict()")


def _digest(entry: Json, tensors: bytes) -> str:
    return sha256(json.dumps(entry, sort_keys=True).encode() + tensors).hexdigest()
