"""What is kept of a run in its folder: each group of seeds as soon as it is complete, so that the run can go on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mbo_core.errors import StoreError, reason_of, warn
from mbo_core.runs.checkpoints import FOLDER, Checkpoints, every
from mbo_core.runs.checksums import checksum, found_in
from mbo_core.runs.condition import PROGRESS, command, unfinished
from mbo_core.runs.loading import load_trial, store_start, store_table
from mbo_core.runs.lock import LOCK, Lock
from mbo_core.runs.notes import Note
from mbo_core.runs.planning import Plan
from mbo_core.runs.prediction import Keeper, Stored
from mbo_core.runs.progress import Group, Options, Progress, facts
from mbo_core.runs.records import HeldOut
from mbo_core.runs.result import Result
from mbo_core.runs.store import START, TABLE, Folder, creating, in_seed
from mbo_core.tasks.source import SPACE


@dataclass
class Kept:
    """The folder of a run that this process works in.

    Attributes:
        folder: the folder.
        lock: its lock.
        plan: the run.
        progress: what is finished.
        keeper: stores the proxies.
        versions: of the core and the plugins.
        every: the seconds between two checkpoints.
    """

    folder: Folder
    lock: Lock
    plan: Plan
    progress: Progress
    keeper: Keeper
    versions: Mapping[str, str]
    every: float
    resumed: bool = False
    """Whether finished groups were filled in."""

    @classmethod
    def open(
        cls, path: Path, plan: Plan, options: Options, versions: Mapping[str, str], precision: str, resume: bool
    ) -> Kept:
        """Take the folder of a new run, or of one to be continued.

        Raises:
            StoreError: if it holds anything else, or a living run works in it, or the run differs.
        """
        seconds = every()
        lock = claimed(path, resume)
        try:
            known = facts(plan, versions, options, precision)
            progress = Progress(known, options)
            if unfinished(path):
                progress = Progress.load(path)
                progress.check(known, path, plan.own_table and plan.task.source is None)
            folder = Folder(path, progress.files)
            keeper = Keeper(folder, plan.task, len(plan.seeds), progress.options.keep_proxy)
            return cls(folder, lock, plan, progress, keeper, versions, seconds)
        except BaseException:
            lock.release()
            raise

    def begin(self, result: Result) -> None:
        """Store what a new run starts from, or fill in what is finished of one that goes on."""
        remove_parts(self.folder.path)
        if not unfinished(self.folder.path):
            remove_early(self.folder.path)
            self._store_recipe()
            self.progress.store(self.folder)
        else:
            self._restore(result)
        self.record(result)

    def _store_recipe(self) -> None:
        plan = self.plan
        # As written: on a larger table the same file must not keep the limits of this one.
        self.folder.write("recipe.toml", plan.asked.to_toml(plan.settings()))
        if plan.own_table:
            store_table(self.folder, plan.task)
        if plan.start is not None:
            store_start(self.folder, plan.task.space, plan.start.x)

    def _restore(self, result: Result) -> None:
        options = self.progress.options
        result.recipe = replace(result.recipe, preset=options.preset, changed=options.changed)
        self.progress.groups = [group for group in self.progress.groups if self._restored(result, group)]
        self.resumed = bool(self.progress.groups)

    def _restored(self, result: Result, group: Group) -> bool:
        """Fill in a finished group; one whose files are damaged is computed again."""
        task = self.plan.task
        try:
            for seed in group.gap:
                self.folder.demand_unchanged(in_seed(seed, ""))
            trials = {seed: load_trial(self.folder, seed, task, gap) for seed, gap in group.gap.items()}
        except StoreError as error:
            warn(f"seeds {', '.join(map(str, group.seeds))} are computed again: {reason_of(error)}")
            return False
        result.trials.update(trials)
        result.failed.update(group.failed)
        result.cached.extend(group.cached)
        result.quality.update({seed: HeldOut(**quality) for seed, quality in group.quality.items()})
        result.notes += [Note(**note) for note in group.notes]
        return True

    def has(self, seeds: tuple[int, ...]) -> bool:
        """Whether a group is finished."""
        return any(group.seeds == seeds for group in self.progress.groups)

    def seeds(self, of: Iterable[int]) -> list[int]:
        """Those of some seeds that are in a finished group."""
        finished = {seed for group in self.progress.groups for seed in group.seeds}
        return [seed for seed in of if seed in finished]

    def checkpoints(self) -> Checkpoints:
        """Those of the next group."""
        return Checkpoints(self.folder.path / FOLDER, self.every)

    def group(self, result: Result, seeds: tuple[int, ...], noted: int) -> None:
        """Store a group that is complete, whose notes are those of the result from the place `noted` on."""
        gap = {seed: result.trials[seed].gap for seed in seeds if seed in result.trials}
        for seed in gap:
            self._store_seed(result, seed)
        made = Group(
            seeds,
            {seed: result.failed[seed] for seed in seeds if seed in result.failed},
            tuple(seed for seed in seeds if seed in result.cached),
            {seed: asdict(result.quality[seed]) for seed in seeds if seed in result.quality},
            gap,
            [note.plain() for note in result.notes[noted:]],
        )
        # A signal may have stopped this halfway; then it is done once more.
        self.progress.groups = [*(one for one in self.progress.groups if one.seeds != seeds), made]
        self.progress.seconds = result.seconds
        self.progress.store(self.folder)
        self.checkpoints().clear()
        self.record(result)

    def _store_seed(self, result: Result, seed: int) -> None:
        """Store the exact tensors first; a table for people that cannot be made is a note."""
        trial = result.trials[seed]
        self.folder.seed(seed, trial.tensors(), trial.steps)
        try:
            self.folder.designs(seed, trial.rows(self.plan.task, result.seen))
        except StoreError:
            raise
        except Exception as error:
            # The cells are the task's code, which may raise anything.
            result.notes.append(Note(seed, "store", f"designs.csv is not written: {reason_of(error)}"))

    def record(self, result: Result) -> None:
        """Write the record of the run."""
        self.folder.record({**result.record(self.versions), "process": self.lock.about})

    def finish(self, result: Result) -> None:
        """Write the last record of this process, with the checksums of all files, also of plugins."""
        for name in found_in(self.folder.path):
            if name not in self.folder.sums:
                self.folder.sums[name] = checksum((self.folder.path / name).read_bytes())
        self.record(result)

    def complete(self, result: Result) -> None:
        """Remove what only an unfinished run needs."""
        if self.resumed:
            # The proxies of finished groups are not in memory.
            result.predictors = Stored(self.folder, result.recipe, result.task, result.seeds)
        self.checkpoints().clear()
        (self.folder.path / PROGRESS).unlink(missing_ok=True)

    def rescue(self, result: Result, computed: tuple[tuple[int, ...], int] | None) -> Path:
        """Store everything in a new folder of the system's temporary one, as nothing can be written here.

        Args:
            result: what is computed.
            computed: a group that is not stored yet, as for `group`.

        Raises:
            StoreError: if nothing can be written there either.
        """
        place = Path(tempfile.gettempdir())
        with creating(place, "TMPDIR"):
            place = Path(tempfile.mkdtemp(prefix=f"{self.folder.path.name}-", dir=place))
            shutil.copytree(self.folder.path, place, ignore=shutil.ignore_patterns(LOCK, ".*.part"), dirs_exist_ok=True)
        folder = Folder(place, dict(self.folder.sums))
        moved = replace(self, folder=folder, progress=replace(self.progress, groups=[*self.progress.groups]))
        if computed and not moved.has(computed[0]):
            moved.group(result, *computed)
        moved.progress.store(folder)
        moved.finish(replace(result, status="failed", folder=place))
        return place

    def command(self, path: Path) -> str:
        """How to continue the run in a folder."""
        return command(path, self.plan.own_table and self.plan.task.source is None)


def claimed(path: Path, resume: bool) -> Lock:
    """The lock of the folder of a new run, or of one to be continued.

    Raises:
        StoreError: if the folder holds anything else, or a living run works in it.
    """
    taken = StoreError(f"{path} exists and is not an empty folder", "name another --out, or remove it")
    with creating(path):
        if path.exists() and not path.is_dir():
            raise taken
        path.mkdir(parents=True, exist_ok=True)
    if not _free(path):
        raise taken
    lock = Lock.take(path)
    try:
        if not _free(path):
            raise taken
        if unfinished(path) and not resume:
            hint = "continue it with `mbo run --resume` (resume=True), or name another --out"
            raise StoreError(f"{path} holds an unfinished run", hint)
    except BaseException:
        lock.release()
        raise
    return lock


EARLY = {LOCK, "recipe.toml", TABLE, SPACE, START}
"""What a run that died before it had a record may have left."""


def _free(path: Path) -> bool:
    """Whether a folder is empty, or holds an unfinished run, or one that died before it began."""
    names = {one.name for one in path.iterdir() if not one.name.endswith(".part")}
    return not names or PROGRESS in names or (LOCK in names and names <= EARLY)


def remove_early(folder: Path) -> None:
    """Remove what a run left that died before it began."""
    for name in EARLY - {LOCK}:
        (folder / name).unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove the temporary files of a process that was killed."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
