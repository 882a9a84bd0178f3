"""Tasks from files: a table of experiments as CSV, or arrays as .npz."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import RecipeError, TaskError, nearest
from mbo_core.tasks.cells import Series, columns_of, is_numeric, missing, numbers
from mbo_core.tasks.inference import infer, levels_in
from mbo_core.tasks.source import ENDINGS, Source, checksum
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_file import read_space
from mbo_core.tasks.task import Task
from mbo_core.text import released

SCORE = "score"
"""What the scores of an .npz file are called if nobody named them."""

ARRAYS = ("x", "y", "weights", "names")
"""The arrays of an .npz file; the last two may be missing."""

EMPTY = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "null", "NULL")
"""Cells without a value. A word such as None may be a level: no additive."""

AS_CSV = "write it as UTF-8 text with commas between the cells and one line of column names"

Columns = dict[str, Series]


class Found(NamedTuple):
    """The columns of a file, the scores among them."""

    columns: Columns
    target: str | None
    weights: str | None


def read_table(
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    minimize: bool = False,
    weights: str | None = None,
    space: Space | str | os.PathLike[str] | None = None,
    ignore: Iterable[str] = (),
) -> Task:
    """The task in a file, called like the file without its ending.

    Rows without a score, and rows with an empty input, are left out and counted in the task's notes.

    Args:
        path: a CSV file (UTF-8, commas, one line of names), or an .npz file with the arrays `x` (N, d) and `y` (N,),
            and possibly `weights` (N,) and `names` (d,).
        target: the column of the scores; optional for .npz.
        minimize: whether smaller scores are better.
        weights: the column of the importance weights.
        space: the design space, or a file that corrects the inferred one.
        ignore: columns that are no inputs.

    Raises:
        RecipeError: for a missing or unknown column.
        TaskError: for a file that cannot be read, or data that cannot be used.
    """
    path = Path(path)
    content = _content(path)
    found = (
        _npz(path, content, target, weights)
        if path.suffix.casefold() == ".npz"
        else _csv(path, content, target, weights)
    )
    left_out = tuple(dict.fromkeys(ignore))
    label = _checked(path, found, left_out)
    inputs = {name: cells for name, cells in found.columns.items() if name not in left_out}
    notes = [f"{name}: ignored, as asked" for name in left_out]
    kept = _whole_rows(path, inputs, label, found.weights, space, notes)
    task = Task(path.stem, kept, target=label, minimize=minimize, weights=found.weights, space=space)
    task.notes = [*notes, *task.notes]
    if not isinstance(space, Space):
        text = None if space is None else Path(space).read_text(encoding="utf-8-sig")
        own = None if found.target is None else label
        task.source = Source(str(path.resolve()), checksum(content), own, minimize, weights, left_out, text)
    return task


def read_designs(path: Path) -> Any:
    """The designs in a CSV file, as a frame of texts.

    Raises:
        TaskError: for a file that cannot be read.
    """
    return _frame(path, _content(path, (".csv",)), dtype=str, keep_default_na=False)


def _content(path: Path, endings: tuple[str, ...] = ENDINGS) -> bytes:
    if path.suffix.casefold() not in endings:
        raise TaskError(f'table "{path}" has an unsupported ending', f"known: {', '.join(endings)}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise TaskError(f"cannot read the table {path}: {error.strerror}", "check the path") from error


def _csv(path: Path, content: bytes, target: str | None, weights: str | None) -> Found:
    frame = _frame(path, content, keep_default_na=False, na_values=list(EMPTY))
    if frame.shape[1] < 2:
        raise TaskError(f"table {path} has only one column: {', '.join(map(str, frame.columns))}", AS_CSV)
    return Found(columns_of(frame, f"table {path}"), target, weights)


def _frame(path: Path, content: bytes, **options: Any) -> Any:
    """The frame in a CSV file; two columns of one name are refused, which pandas would rename in silence."""
    # pandas takes a third of a second to import.
    import pandas

    try:
        head = pandas.read_csv(io.BytesIO(content), encoding="utf-8-sig", header=None, nrows=1, dtype=str)
        frame = pandas.read_csv(io.BytesIO(content), encoding="utf-8-sig", index_col=False, **options)
    except ValueError as error:  # pandas' own errors are among them
        raise TaskError(f"table {path} cannot be read as CSV: {' '.join(str(error).split())}", AS_CSV) from error
    names = [released(str(name)) for name in head.iloc[0].dropna()]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise TaskError(f'duplicate column "{twice[0]}" in the table {path}', "rename or leave out one of them")
    return _released(frame)


def _released(frame: Any) -> Any:
    """The frame without the ' that keeps a spreadsheet from running a text."""
    texts = {name: cells.map(_text) for name, cells in frame.items() if not is_numeric(cells)}
    frame = frame.copy()
    for name, cells in texts.items():
        frame[name] = cells
    return frame.rename(columns=_text)


def _text(cell: Any) -> Any:
    return released(cell) if isinstance(cell, str) else cell


def _npz(path: Path, content: bytes, target: str | None, weights: str | None) -> Found:
    import pandas

    arrays = _arrays(path, content)
    x, names = arrays["x"], arrays.get("names")
    parts = [x] if x.ndim == 1 else list(x.T) if x.ndim == 2 else []
    if not parts:
        raise TaskError(f"table {path}: x has shape {x.shape}", "give one design per row: (N, d)")
    given = (
        [str(name) for name in names.tolist()] if names is not None else [f"x{place}" for place in range(len(parts))]
    )
    if len(given) != len(parts):
        raise TaskError(f"table {path}: names has {len(given)} names for {len(parts)} columns", "name each column of x")
    if weights is None and "weights" in arrays:
        weights = "weights"
    named = [*zip(given, parts, strict=True), (target or SCORE, arrays["y"])]
    named += [("weights", arrays["weights"])] if "weights" in arrays else []
    twice = [name for place, (name, _) in enumerate(named) if name in [one for one, _ in named[:place]]]
    if twice:
        raise TaskError(f'duplicate column "{twice[0]}" in the table {path}', "rename it")
    try:
        frame = pandas.DataFrame({name: values.reshape(len(values)) for name, values in named})
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise TaskError(
            f"table {path} has arrays that do not fit together: {shapes}", "give one score per row"
        ) from error
    return Found(columns_of(frame, f"table {path}"), target or SCORE, weights)


def _arrays(path: Path, content: bytes) -> Mapping[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise TaskError(
            f"table {path} cannot be read as .npz: {error}", "write it with numpy.savez(path, x=x, y=y)"
        ) from error
    for name in arrays:
        if name not in ARRAYS:
            raise TaskError(f'unknown array "{name}" in the table {path}', nearest(name, ARRAYS))
    for name in ("x", "y"):
        if name not in arrays:
            raise TaskError(f'table {path} has no array "{name}"', "write it with numpy.savez(path, x=x, y=y)")
    return arrays


def _checked(path: Path, found: Found, ignore: tuple[str, ...]) -> str:
    """The target, after all columns that a person named were found.

    Raises:
        RecipeError: for a missing target, an unknown column, or one with two meanings.
    """
    listed = f"columns: {', '.join(found.columns)}"
    if found.target is None:
        raise RecipeError(f"missing target of the table {path}", f"name the column of the scores (--target); {listed}")
    asked = [("target", found.target), *([("weights", found.weights)] if found.weights else [])]
    for what, name in [*asked, *(("ignore", name) for name in ignore)]:
        if name not in found.columns:
            near = nearest(name, found.columns)
            hint = f"{near} {listed}" if near.startswith("did you mean") else listed
            raise RecipeError(f'unknown column "{name}" for --{what} in the table {path}', hint)
        if what == "ignore" and name in dict(asked).values():
            raise RecipeError(f'column "{name}" is to be ignored and is used', "leave out one of the two")
    return found.target


def _whole_rows(
    path: Path, columns: Columns, target: str, weights: str | None, space: Any, notes: list[str]
) -> Columns:
    """The rows that have a score, a weight and all inputs; a note tells how many others there were."""
    columns = _without(columns, missing(columns[target]), f"no {target}", notes)
    if not len(columns[target]):
        raise TaskError(f'no row of the table {path} has a score in the column "{target}"', "name another --target")
    used = [name for name in _inputs(columns, target, weights, space) if name in columns]
    lacking = {name: int(missing(columns[name]).sum()) for name in used}
    gaps = {name: count for name, count in lacking.items() if count}
    if not gaps:
        return columns
    empty = np.logical_or.reduce([missing(columns[name]) for name in gaps])
    if empty.all():
        raise TaskError(f"every row of the table {path} lacks an input", f"fill in or --ignore: {', '.join(gaps)}")
    listed = ", ".join(f"{name}: {count}" for name, count in gaps.items())
    kept = _without(columns, empty, f"an empty input ({listed})", notes)
    return {name: _as_whole(cells) if name in gaps else cells for name, cells in kept.items()}


def _inputs(columns: Columns, target: str, weights: str | None, space: Any) -> list[str]:
    """The columns that designs consist of, and the weights."""
    own = [target, *([weights] if weights else [])]
    if isinstance(space, Space):
        return [*own, *space.names]
    proposed = infer(columns, own).space
    return [*own, *(proposed if space is None else read_space(space, proposed, levels_in(columns))).names]


def _without(columns: Columns, rows: NDArray[np.bool_], what: str, notes: list[str]) -> Columns:
    count = int(rows.sum())
    if not count:
        return columns
    notes.append(f"{count} of {len(rows)} rows have {what} and were left out")
    return {name: cells[~rows].reset_index(drop=True) for name, cells in columns.items()}


def _as_whole(cells: Series) -> Series:
    """Whole numbers that pandas turned into floats because of empty cells."""
    if not is_numeric(cells) or cells.dtype.kind != "f":
        return cells
    values = numbers(cells)
    return cells.astype(np.int64) if (values == np.rint(values)).all() and np.abs(values).max() < 2**53 else cells
