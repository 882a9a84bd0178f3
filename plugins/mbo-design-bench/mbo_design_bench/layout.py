"""The record of a task's facts; `mbo_design_bench.facts` fills it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbo_core.tasks import Kind, OracleKind, Space, TaskInfo
from mbo_design_bench import data

TRABUCCO = "task: Trabucco et al. 2022, Design-Bench, arXiv:2202.08450"

SUBSAMPLE_SEED = 0
"""Draws the visible rows of the tasks with a limit, as a part of the task; Design-Bench draws at each call."""


@dataclass(frozen=True)
class Layout:
    """The files of a data set in Design-Bench's folders, and the form of its numbers.

    Attributes:
        folder: the data set's folder, e.g. `tf_bind_8-SIX6_REF_R1`.
        stem: the stem of its files' names, e.g. `tf_bind_8` for `tf_bind_8-x-0.npy`.
        shards: the number of pairs of files.
        space: the space of its designs.
        mirrored: whether the community mirror holds it.
        summed: whether the checksums of Design-Bench's own files are known, see `checksums.published`.
    """

    folder: str
    stem: str
    shards: int
    space: Space
    mirrored: bool = True
    summed: bool = False

    def names(self, shard: int) -> tuple[str, str]:
        """The files of one shard, x and y.

        >>> Layout("gfp", "gfp", 12, Space.discrete(237, 20)).names(3)
        ('gfp-x-3.npy', 'gfp-y-3.npy')
        """
        return f"{self.stem}-x-{shard}.npy", f"{self.stem}-y-{shard}.npy"

    def files(self) -> list[str]:
        """All files, shard by shard."""
        return [name for shard in range(self.shards) for name in self.names(shard)]


@dataclass(frozen=True)
class Archive:
    """A file with x (N, d) and y (N,) that can replace the shards; most are `.npz` archives.

    Attributes:
        file: its name.
        fingerprint: the SHA-256 of its numbers, see `mbo_design_bench.data.fingerprint`.
        hint: how to get it, if there is another way than the mirror.
        read: the arrays x and y of such a file.
        rows: the number of its rows, if it differs from the shards.
        best: the normalised score of its best visible row, likewise.
    """

    file: str
    fingerprint: str
    hint: str = ""
    read: Callable[[Path], Mapping[str, Any]] = data.pair
    rows: int | None = None
    best: float | None = None


@dataclass(frozen=True)
class Facts:
    """A task of Design-Bench, or one in the same form.

    Attributes:
        name: as in Design-Bench.
        layout: its data files.
        percentiles: the visible rows have a y from the first to the second percentile of all rows, both included.
        y_min: the smallest y of all rows; it normalises to 0.
        y_max: the largest y of all rows; it normalises to 1.
        rows: the number of all rows, or None if not published.
        limit: the largest number of visible rows, drawn at random, or None for all.
        best: the normalised score of the best visible row, as published if it is.
        archive: the file that can replace the shards.
        packaged: whether the data are in this package.
        design_bench: whether Design-Bench has this task; if not, its paper and files are not named.
        notes: more to know.
    """

    name: str
    layout: Layout
    percentiles: tuple[int, int]
    y_min: float
    y_max: float
    summary: str
    source: str
    licence: str
    citation: str
    oracle: OracleKind
    comparable: str
    rows: int | None = None
    limit: int | None = None
    best: float | None = None
    archive: Archive | None = None
    packaged: bool = False
    design_bench: bool = True
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Continuous or discrete."""
        return self.layout.space.kind

    @property
    def info(self) -> TaskInfo:
        """The same for people, with all numbers as notes."""
        files = f"{self.layout.folder}/{self.layout.stem}-{{x,y}}-{{0..{self.layout.shards - 1}}}.npy"
        numbers = {
            "rows": self.rows,
            "visible_percentiles": list(self.percentiles),
            "visible_limit": self.limit,
            "subsample_seed": SUBSAMPLE_SEED if self.limit else None,
            "y_min": self.y_min,
            "y_max": self.y_max,
            "best_visible_normalised": self.best,
            "design": f"{self.layout.space.length} {'tokens' if self.kind == 'discrete' else 'numbers'}",
            "classes": self.layout.space.classes,
            "files": files if self.design_bench else None,
        }
        notes = {name: value for name, value in numbers.items() if value is not None}
        cite = f"{self.citation}; {TRABUCCO}" if self.design_bench else self.citation
        text = (self.summary, self.source, self.licence, cite, self.oracle, self.comparable)
        return TaskInfo(*text, notes={**notes, **self.notes})
