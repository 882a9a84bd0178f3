"""The next batch: new results are added to the table, and show how well the last batch was predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mbo_core.errors import RecipeError, matching, nearest
from mbo_core.tasks.cells import columns_of
from mbo_core.tasks.frames import designs_in
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_file import read_space
from mbo_propose.folder import load_record
from mbo_propose.given import numbers_in, with_limits
from mbo_propose.pipeline import opened, proposed
from mbo_propose.reading import Table, read
from mbo_propose.record import Proposals
from mbo_propose.wishes import Wishes

CHANGES = ("batch", "tiers", "budget", "recipe", "space", "fix", "limits", "start", "sheet", "seed")
"""What may differ from the last batch."""
_OPTIONS = {"limits": "limit"}


@dataclass(frozen=True)
class Calibration:
    """How well a batch was predicted; scores as people have them.

    Attributes:
        rows: the new rows.
        matched: how many of them are designs of the batch.
        predicted: what was predicted for those of these that have a score.
        observed: what was measured.
        flags: their flags.
        error: the root mean squared error; None without a score.
        bias: the mean of predicted minus observed; None without a score.
        bounded: how many of them had a lower bound.
        reached: how many of these were at least as good.
    """

    rows: int
    matched: int
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    flags: tuple[str, ...]
    error: float | None
    bias: float | None
    bounded: int
    reached: int

    @property
    def sentence(self) -> str:
        """One line for people."""
        which = f"{self.matched} of {self.rows} new rows are proposals"
        if self.error is None or self.bias is None:
            return f"{which}; none of them has a score"
        failed = self.matched - len(self.observed)
        without = f", {failed} of them without a score" if failed else ""
        off = f"predictions were off by {self.error:.3g} (root mean square), on average {abs(self.bias):.3g}"
        bound = f"; {self.reached} of {self.bounded} reached their lower bound" if self.bounded else ""
        return f"{which}{without}; {off} too {'high' if self.bias > 0 else 'low'}{bound}"


def propose_again(folder: str | Path, results: Any, *, out: str | Path | None = None, **changes: Any) -> Proposals:
    """The next batch after new results, with all that is known of it.

    Args:
        folder: the folder of the last batch.
        results: a file or a frame with the inputs and the target of new experiments.
        out: the folder to store the new batch in; nothing is stored without.
        **changes: what is to differ from the last batch, see `CHANGES`, as in `Wishes`.

    Raises:
        StoreError: for a folder that holds no proposals.
        MboError: for results or changes that cannot be used.
    """
    return proposed(continued(Path(folder), results, changes), None if out is None else Path(out))


def continued(folder: Path, results: Any, changes: Mapping[str, Any]) -> Proposals:
    """The table of a batch with new results, ready for the next batch.

    Args:
        folder: the folder of the batch.
        results: a file or a frame with the inputs and the target of new experiments.
        changes: what is to differ from the last batch, by name; `sheet` is that of the results.

    Raises:
        StoreError: for a folder that holds no proposals.
        RecipeError: for a wish that cannot change.
        MboError: for results that cannot be used, or of which no row is a proposal.
    """
    _refuse(changes)
    record, old = load_record(folder), read(folder / "table.csv")
    wishes = _wishes(record["wishes"], folder, changes, list(map(str, old.frame.columns)))
    space, new = read_space(folder / "space.toml"), with_limits(read(results, sheet=changes.get("sheet")), wishes)
    known = _calibration(record, space, new, wishes)
    made = opened(_joined(old, new), wishes)
    made.calibration = known
    return made


def _refuse(changes: Mapping[str, Any]) -> None:
    strange = [name for name in changes if name not in CHANGES]
    if strange:
        listed = ", ".join(f"--{_OPTIONS.get(name, name)}" for name in strange)
        hint = f"leave it out, or propose for the table with the new rows; these may change: {', '.join(CHANGES)}"
        raise RecipeError(f"next batch keeps what was asked for before: {listed} cannot change", hint)


def _wishes(said: Mapping[str, Any], folder: Path, changes: Mapping[str, Any], columns: list[str]) -> Wishes:
    before: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    before["target"] = matching(before["target"], columns) or before["target"]
    start: dict[str, Any] = {"space": folder / "space.toml", "start": None}
    sizes = {"batch": None, "tiers": None} if changes.keys() & {"batch", "tiers"} else {}
    fixed = {"fix": {**before["fix"], **changes["fix"]}} if "fix" in changes else {}
    return Wishes(**{**before, **start, **sizes, **changes, **fixed, "sheet": None})


def _joined(old: Table, new: Table) -> Table:
    """The old table with the new rows below."""
    import pandas

    strange = [str(name) for name in new.frame.columns if name not in old.frame.columns]
    if len(strange) == len(new.frame.columns):
        raise RecipeError(f"new results have no column of the table: {', '.join(strange)}", "name them alike")
    kept = new.frame.drop(columns=strange)
    frame = pandas.concat([old.frame, kept], ignore_index=True)
    said = [f"not in the table, and ignored: {', '.join(strange)}"] if strange else []
    rows = np.arange(1, len(frame) + 1)
    return replace(old, frame=frame, rows=rows, notes=[*new.notes, *said, f"{len(kept)} new rows were added"])


def _calibration(record: Mapping[str, Any], space: Space, new: Table, wishes: Wishes) -> Calibration:
    """How well the new rows were predicted.

    Raises:
        RecipeError: for a missing column, or rows of which none is a proposal.
    """
    columns = columns_of(new.frame, "new results")
    for name in (*space.names, wishes.target):
        if name not in columns:
            raise RecipeError(f'new results have no column "{name}"', nearest(name, columns))
    scores = numbers_in(columns, wishes.target, "target")
    x = designs_in("new results", {name: columns[name] for name in space.names}, space).x
    place = _proposed(record["proposals"], space)
    pairs = [(place[one.tobytes()], score) for one, score in zip(x + 0, scores, strict=True) if one.tobytes() in place]
    if not pairs:
        fact = f"none of {len(scores)} new rows is a proposal of the last batch"
        raise RecipeError(fact, "to add other rows, put them into the table and propose without --continue")
    return _of_pairs(pairs, len(scores), -1 if wishes.minimize else 1)


def _proposed(proposals: list[Mapping[str, Any]], space: Space) -> dict[bytes, Mapping[str, Any]]:
    cells = {name: [one["design"][name] for one in proposals] for name in space.names}
    found = designs_in("proposals", cells, space).x + 0
    return {design.tobytes(): one for design, one in zip(found, proposals, strict=True)}


def _of_pairs(matched: list[tuple[Mapping[str, Any], float]], rows: int, sign: int) -> Calibration:
    pairs = [(one, float(score)) for one, score in matched if np.isfinite(score)]
    predicted = np.array([one["predicted"] for one, _ in pairs])
    observed = np.array([score for _, score in pairs])
    bounds = [(one["lower"], score) for one, score in pairs if one["lower"] is not None]
    return Calibration(
        rows=rows,
        matched=len(matched),
        predicted=tuple(predicted.tolist()),
        observed=tuple(observed.tolist()),
        flags=tuple(one["flag"] for one, _ in pairs),
        error=float(np.sqrt(((predicted - observed) ** 2).mean())) if pairs else None,
        bias=float((predicted - observed).mean()) if pairs else None,
        bounded=len(bounds),
        reached=sum(sign * score >= sign * bound for bound, score in bounds),
    )
