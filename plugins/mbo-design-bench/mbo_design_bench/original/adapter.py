"""A task of the original package as one of ours.

Notes on the package: x and y are rebuilt from the files at each access, so they are read
once. Its oracle takes designs and gives scores in the data's present representation, which stays the raw one here:
nothing is normalised, so designs reach the oracle exactly and scores come back in raw units. Rows are drawn, and
forests grown, from numpy's global generator, which is seeded around that and then restored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Space, Task, TaskInfo, TaskOffer
from mbo_design_bench import checksums, data, facts, guard, rows
from mbo_design_bench.original import registered, stand_ins
from mbo_design_bench.original.registered import Registered

SEED = 0
"""Draws the rows of a subsampled task and grows a forest: a part of the task, not of a run."""

ANY = f"{stand_ins.PACKAGE}:*"
"""The offer for every task of an unreadable package."""

USABLE = "`mbo list-tasks` lists the usable ones"
INSTALL = stand_ins.INSTALL
COMPARABLE = {
    "learned": "published tables only roughly: the oracle was a pickle, and is refitted by the package's recipe",
    "formula": "with nothing published: a toy of the package",
    "simulator": "published scores roughly: the package's own rows and simulator, of other versions and without a seed",
    "table": "published scores: the package's own rows and table",
}


@dataclass(frozen=True)
class Original:
    """The oracle of a task of the original package.

    Attributes:
        name: the task's name, for errors.
        space: the space of its designs.
        task: the package's task.
    """

    name: str
    space: Space
    task: Any

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """Raw scores (n,) of raw designs (n, d) or (n, L).

        Raises:
            TaskError: for designs outside the space, or without a score.
        """
        if self.space.classes is None:
            guard.reals(self.name, designs, self.space.length)
        else:
            guard.tokens(self.name, designs, self.space.length, self.space.classes)
        if len(designs) == 0:
            return np.empty(0)
        with stand_ins.quiet():
            scores = np.asarray(self.task.predict(designs), dtype=np.float64)[:, 0]
        if not np.isfinite(scores).all():
            raise TaskError(
                f"{self.name}: the oracle has no score for design {int(np.argmin(np.isfinite(scores)))}", guard.HINT
            )
        return scores


def offers() -> list[TaskOffer]:
    """Each task that the installed package registers, or one with the reason why there are none; imports nothing."""
    try:
        origin = registered.origin()
        found = registered.tasks(origin.read_text(encoding="utf-8")) if origin else []
    except (OSError, TypeError, ValueError, SyntaxError) as error:
        return [_nothing(f"the tasks of the installed design_bench cannot be read: {error}", INSTALL)]
    if origin is None:
        return [_nothing("design_bench is not installed", INSTALL)]
    return [_offer(one, origin.parent.parent / "design_bench_data") for one in found]


def load(one: Registered, own_data: Path) -> Task:
    """A task of the original package.

    Args:
        one: what the package registers.
        own_data: the folder where the package itself keeps its files; ours are searched first.

    Raises:
        TaskError: if the oracle is unavailable, a file is missing or damaged, or the package fails.
    """
    refusal = one.refusal()
    if refusal is not None:
        raise TaskError(f"{one.name} is not available: {refusal}", USABLE)
    locate = partial(_locate, [*data.folders(), own_data], one)
    with stand_ins.borrowed(locate) as package, stand_ins.seeded(SEED):
        try:
            return _task(one, _made(package, one.id))
        except TaskError as error:
            error.hint = error.hint or USABLE
            raise
        except Exception as error:
            raise TaskError(f"{one.name} failed to load: {type(error).__name__}: {error}", _way(one)) from error


def _made(package: ModuleType, name: str) -> Any:
    """The package's own task; a learned oracle is fitted."""
    kwargs = package.spec(name).oracle_kwargs
    return package.make(name, oracle_kwargs=_refit(kwargs) if "model_kwargs" in kwargs else None)


def _refit(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Options that fit an oracle in memory, each complete, as the package replaces and does not merge them."""
    model = dict(kwargs["model_kwargs"])
    if model.get("max_features") == "auto":
        model["max_features"] = 1.0  # "auto" for regression, before scikit-learn 1.3 removed it
    return {"fit": True, "model_kwargs": model, "split_kwargs": {**kwargs["split_kwargs"], "to_disk": False}}


def _task(one: Registered, made: Any) -> Task:
    y = _all_scores(one, made.dataset)
    x = np.asarray(made.x)
    space = Space.discrete(x.shape[1], made.num_classes) if made.is_discrete else Space.continuous(x.shape[1])
    info, oracle = _info(one, _notes(one, made)), Original(one.name, space, made)
    low, high = float(y.min()), float(y.max())
    return Task(one.name, x, made.y, space=space, oracle=oracle, info=info, y_min=low, y_max=high, replicates="keep")


def _all_scores(one: Registered, dataset: Any) -> NDArray[np.float64]:
    """The scores of all rows, visible or not: (N,)."""
    shards = [dataset.get_shard_y(number) for number in range(dataset.get_num_shards())]
    for number, shard in enumerate(shards):
        designs = len(dataset.get_shard_x(number))
        if designs != len(shard):  # the package would silently drop surplus rows
            raise TaskError(f"{one.name}: shard {number} has {designs} designs and {len(shard)} scores", _way(one))
    y = np.asarray(np.concatenate(shards), dtype=np.float64)
    if not np.isfinite(y).all():
        raise TaskError(f"{one.name}: not every score is a finite number", _way(one))
    return y


def _notes(one: Registered, made: Any) -> dict[str, Any]:
    """The info of a loaded task."""
    notes = {"seed": SEED, "rows": len(made.dataset.dataset_visible_mask), "visible_rows": made.dataset.dataset_size}
    if one.oracle_kind != "learned":
        return notes
    import sklearn

    correlation = float(made.oracle.params["rank_correlation"])
    return {**notes, "held_out_spearman": correlation, "scikit_learn": sklearn.__version__}


def _info(one: Registered, more: Mapping[str, Any] | None = None) -> TaskInfo:
    notes = {"design_bench": registered.package_version(), "data_folder": one.folder, **(more or {})}
    return TaskInfo(
        summary=f"{one.id} of the installed design_bench: its rows, its normalisation, its oracle",
        source="the files of Design-Bench, as the package reads them",
        licence="MIT (design-bench); the data have those of their sources",
        citation="Trabucco et al. 2022, Design-Bench, arXiv:2202.08450, and the source of the data that it names",
        oracle=one.oracle_kind,
        comparable=COMPARABLE[one.oracle_kind],
        notes=notes,
    )


def _offer(one: Registered, own_data: Path) -> TaskOffer:
    return TaskOffer(one.name, one.kind, _info(one), partial(load, one, own_data), partial(_missing, one, own_data))


def _missing(one: Registered, own_data: Path) -> str | None:
    refusal = one.refusal()
    if refusal is not None:
        return refusal
    folders = [*data.folders(), own_data]
    if one.first_shard is None or _found(folders, one.first_shard) is not None:
        return None
    return f"{_absent(folders, one.first_shard)}: {_way(one)}"


def _way(one: Registered) -> str:
    """How to get the files of a task."""
    known = next((known for known in facts.ALL if known.layout.folder == one.folder), None)
    if known is None:
        return f"no server has them; set the folder that has them in {data.VARIABLE}"
    if known.packaged:
        return f"mbo data export {known.name}"
    archive = rows.place(known)
    elsewhere = archive is not None and archive.is_file()
    return f"mbo data export {known.name}" if elsewhere else rows.command(known)


def _locate(folders: Sequence[Path], one: Registered, file: str) -> str:
    path = _found(folders, file)
    if path is None:
        raise TaskError(f"{one.name}: {_absent(folders, file)}", _way(one))
    checksums.verify(path, checksums.recorded(path.parent))
    return str(path)


def _found(folders: Sequence[Path], file: str) -> Path | None:
    return next((folder / file for folder in folders if data.exists(folder / file)), None)


def _absent(folders: Sequence[Path], file: str) -> str:
    return f"{file} is missing from {' and '.join(map(str, folders))}"


def _nothing(fact: str, hint: str) -> TaskOffer:
    def refuse() -> Task:
        raise TaskError(fact, hint)

    info = TaskInfo(
        summary="every task that an installed design_bench registers",
        source="https://github.com/brandontrabucco/design-bench",
        licence="MIT (design-bench)",
        citation="Trabucco et al. 2022, Design-Bench, arXiv:2202.08450",
        comparable="as each task says",
    )
    return TaskOffer(ANY, "discrete", info, refuse, lambda: f"{fact}: {hint}")
