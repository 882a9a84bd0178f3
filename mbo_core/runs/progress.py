"""What a run that is not complete needs to go on: what it was asked, and what is finished.

The file `progress.json` is written before anything else, again after each group of seeds, and removed at the end. So a
folder that has it holds a run to be continued.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mbo_core.errors import StoreError
from mbo_core.recipes.recipe import written
from mbo_core.runs.checksums import checksum
from mbo_core.runs.condition import PROGRESS, command
from mbo_core.runs.planning import Plan
from mbo_core.runs.store import Folder, read, write
from mbo_core.tasks.space_table import to_table
from mbo_core.toml import flat

FORMAT = 1
"""The version of its layout."""

SHOWN = 5
"""The most differences that an error lists."""


@dataclass(frozen=True)
class Options:
    """What a run was asked besides recipe, task and seeds.

    Attributes:
        device: where to compute.
        keep_proxy: whether to store the trained proxies.
        cache: the absolute path of the cache, or None.
        plugins: the absolute paths of the Python files given as plugins.
        preset: the preset of the recipe, which its stored form does not name.
        changed: the options that were set, likewise.
    """

    device: str = "cpu"
    keep_proxy: bool | None = None
    cache: str | None = None
    plugins: tuple[str, ...] = ()
    preset: str | None = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """What is known of a finished group of seeds besides its files; the fields are those of `Result`.

    Attributes:
        seeds: the seeds of the group.
        failed: the reason for each that failed.
        cached: those whose proxies came from a cache.
        quality: that of each proxy on held-out rows, as plain values.
        gap: that of each seed with designs.
        notes: the notes, as plain values.
    """

    seeds: tuple[int, ...]
    failed: Mapping[int, str]
    cached: tuple[int, ...]
    quality: Mapping[int, Mapping[str, Any]]
    gap: Mapping[int, float | None]
    notes: Sequence[Mapping[str, Any]]


@dataclass
class Progress:
    """The content of the file.

    Attributes:
        facts: what the designs depend on, by name.
        options: what was asked besides.
        groups: the finished groups.
        seconds: how long they took.
        files: the checksums of the files that were stored.
    """

    facts: dict[str, Any]
    options: Options
    groups: list[Group] = field(default_factory=list)
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Progress:
        """Read the file of a folder.

        Raises:
            StoreError: if it is missing or corrupt, or of another version.
        """
        values = read(folder / PROGRESS, json.loads)
        try:
            if values["format"] != FORMAT:
                raise StoreError(f"{folder / PROGRESS} is of another version of mbo", "name another --out")
            options = {**values["options"], **_tuples(values["options"], "plugins", "changed")}
            groups = [_group(each) for each in values["groups"]]
            return cls(values["facts"], Options(**options), groups, values["seconds"], values["files"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"{folder / PROGRESS} is corrupt: {error!r}", "name another --out") from error

    def store(self, folder: Folder) -> None:
        """Write the file, safe from a failure of power."""
        self.files = dict(folder.sums)
        # As it is, with NaN: nobody but `load` reads it.
        write(folder.path / PROGRESS, json.dumps({"format": FORMAT, **asdict(self)}, default=str), sync=True)

    def check(self, facts: Mapping[str, Any], folder: Path, own_table: bool = False) -> None:
        """Refuse to continue with anything else than the run was begun with.

        Raises:
            StoreError: with what differs.
        """
        differences = list(differing(self.facts, plain(facts)))
        if differences:
            more = f"; and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
            fact = f"{folder} holds an unfinished run that differs: {'; '.join(differences[:SHOWN])}{more}"
            raise StoreError(fact, f"name another --out, or continue that run with {command(folder, own_table)}")


def _tuples(values: Mapping[str, Any], *names: str) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(values[name]) for name in names}


def _group(values: Mapping[str, Any]) -> Group:
    """A group from JSON, whose keys are texts."""
    by_seed = {name: {int(seed): one for seed, one in values[name].items()} for name in ("failed", "quality", "gap")}
    return Group(**{**values, **_tuples(values, "seeds", "cached"), **by_seed})


def facts(plan: Plan, versions: Mapping[str, str], options: Options, precision: str) -> dict[str, Any]:
    """Everything that the designs of a run depend on, by name."""
    table = plan.task.table
    arrays = b"".join(_bytes_of(values) for values in (table.x, table.y, table.weights))
    stages = {role: written(stage) for role, stage in plan.recipe.stages().items()}
    known = {"torch": torch.__version__, "numpy": np.__version__, **versions}
    return {
        **dict(flat(stages)),
        "task": plan.task.name,
        "the task's data": checksum(arrays),
        "the task's space": to_table(plan.task.space),
        "the start designs": None if plan.start is None else checksum(_bytes_of(plan.start.x)),
        "hold": dict(plan.hold),
        "seeds": list(plan.seeds),
        "device": options.device,
        "the precision of products": precision,
        **{f"the version of {name}": version for name, version in known.items()},
        **{f"plugin {path}": _content(Path(path)) for path in options.plugins},
    }


def _bytes_of(values: Any) -> bytes:
    return f"{values.dtype} {values.shape} ".encode() + sha256(np.ascontiguousarray(values).tobytes()).digest()


def _content(path: Path) -> str | None:
    return checksum(path.read_bytes()) if path.is_file() else None


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they are read back from JSON."""
    read_back: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return read_back


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two sets of facts, one text for each.

    >>> list(differing({"proxy.epochs": 5, "task": "a"}, {"proxy.epochs": 50, "task": "a"}))
    ['proxy.epochs is 50, was 5']
    """
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if old != new:
            short = all(len(str(value)) <= 40 for value in (old, new))
            yield f"{name} is {new}, was {old}" if short else f"{name} differs"
