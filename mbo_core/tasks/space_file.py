"""`space.toml`: a space that people read and correct.

[columns.temp_C]          # kind = "real" | "whole" | "category" | "sequence" | "fixed"
bounds = [40.0, 80.0]     # or lower, upper; also step or values, log, unit
[columns.gas]
levels = ["N2", "air"]    # also [columns.gas.descriptors]; others of the data are trained on, never proposed
[columns.ligand]
kind = "category"         # its levels are those of the data
[columns.operator]
ignore = true
[columns.stirring]
value = 300               # kept in all proposals
[[sums]]
columns = ["resin", "filler"]
equals = 1.0
[[constraints]]
coefficients = {acid = 1, base = 2}
upper = 3.0
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import tomli_w

from mbo_core import toml
from mbo_core.errors import RecipeError, TaskError, nearest
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_keys import KEYS, NUMBER
from mbo_core.tasks.space_reading import Reading, Spec
from mbo_core.tasks.space_table import to_table

LARGEST = 16 * 1024 * 1024
"""Maximum size of a space file in bytes; a category may have thousands of levels."""
_NEXT = ",\n    "
LISTED = 12
"""Up to so many values of a number are levels if it is made a category."""


def write_space(path: str | os.PathLike[str], space: Space, remarks: Iterable[str] = ()) -> None:
    """Write a space to a file that `read_space` reads back exactly.

    Args:
        path: the file.
        space: the space.
        remarks: comments at the top, a line each.
    """
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(space_text(space, remarks), encoding="utf-8", newline="\n")
    os.replace(unfinished, path)


def space_text(space: Space, remarks: Iterable[str] = ()) -> str:
    """The text of such a file."""
    comments = "".join(f"# {toml.one_line(remark)}\n" for remark in remarks)
    return f"{comments}{_short_lists(tomli_w.dumps(to_table(space)))}"


def _short_lists(text: str) -> str:
    """TOML with each list on one line; its writer puts each item on a line."""
    return re.sub(r"\[\n((?:    .*,\n)+)\]", lambda found: f"[{found[1][4:-2].replace(_NEXT, ', ')}]", text)


Levels = Callable[[str], list[str] | None]
"""The levels that a column of the data would have, by its name; None if it is not there."""


def read_space(
    path: str | os.PathLike[str], proposed: Space | None = None, levels: Levels = lambda name: None
) -> Space:
    """The space in a file.

    Args:
        path: a TOML file.
        proposed: what the file corrects: of this space only what the file names changes. Sums in the file replace
            those proposed, and so do constraints.
        levels: those of a column that the file makes a category without naming them.

    Raises:
        TaskError: for a file that cannot be read, and with all mistakes in it, each with its line.
    """
    try:
        document = toml.read(Path(path), "space file", LARGEST)
    except RecipeError as error:
        raise TaskError(error.message, error.hint) from error
    reading = Reading(document.where)
    return reading.space(document.table) if proposed is None else _corrected(reading, document.table, proposed, levels)


def _corrected(reading: Reading, table: toml.Table, proposed: Space, levels: Levels) -> Space:
    base = Reading(lambda *_: "proposed space").specs(_sourced(proposed))
    said = {name: _with_levels(name, spec, base, levels) for name, spec in reading.specs(table).items()}
    for name, spec in said.items():
        if name not in base and "kind" not in spec:
            fact = f'unknown column "{name}"'
            reading.mistakes.add(
                reading.where("columns", name), fact, f"{nearest(name, base)} A new one needs its kind"
            )
    values = {column.name: _values(proposed, column.name) for column in proposed.columns}
    specs = {name: overlaid(spec, said[name], values[name]) if name in said else spec for name, spec in base.items()}
    specs.update({name: spec for name, spec in said.items() if name not in base})
    kept = {name: spec for name, spec in specs.items() if "ignore" not in spec or not spec["ignore"].value}
    return reading.built(kept, [*_proposed_sums(proposed, table, kept), *reading.constraints(table)])


def _with_levels(name: str, spec: Spec, base: Mapping[str, Spec], levels: Levels) -> Spec:
    """What is said of a column, with the data's levels if it becomes a category and none are named."""
    before = base[name]["kind"].value if name in base else None
    made = "kind" in spec and spec["kind"].value == "category" != before
    found = levels(name) if made and "levels" not in spec else None
    return {**spec, **({"levels": toml.Sourced(found, spec["kind"].where)} if found else {})}


def _sourced(space: Space) -> toml.Table:
    nest = toml.sourced(to_table(space), "proposed space")
    assert isinstance(nest, dict)
    return nest


def _proposed_sums(proposed: Space, table: toml.Table, kept: Mapping[str, Spec]) -> list[tuple[Linear, str]]:
    """The proposed constraints of a kind that the file does not name, between columns that it keeps as numbers."""
    listed = to_table(proposed)
    sums = len(listed.get("sums", ()))
    left = ([] if "sums" in table else list(proposed.constraints[:sums])) + (
        [] if "constraints" in table else list(proposed.constraints[sums:])
    )
    numeric = {name for name, spec in kept.items() if "levels" not in spec and "length" not in spec}
    return [(one, "proposed space") for one in left if set(one.coefficients) <= numeric]


def _values(space: Space, name: str) -> list[str] | None:
    """The few values of a number, as levels."""
    column = space.columns[space.names.index(name)]
    if not isinstance(column, Number) or column.size is None or column.size > LISTED:
        return None
    return [str(column.cells(value)[name]).removesuffix(".0") for value in column.listed()]


def overlaid(base: Spec, said: Spec, levels: list[str] | None = None) -> Spec:
    """What is proposed of a column, corrected by what a file says of it.

    Args:
        base: the proposal.
        said: what the file says.
        levels: the values of a number that the file makes a category without naming its levels.
    """
    before, after = str(base["kind"].value), str(said.get("kind", base["kind"]).value)
    if after == "fixed" and before != "fixed":
        return {**base, **{key: given for key, given in said.items() if key != "kind"}}
    if after != before and not {before, after} <= {"real", "whole"}:
        found = {"levels": toml.Sourced(levels, "proposed space")} if after == "category" and levels else {}
        return {**found, **said}
    return {**{key: given for key, given in base.items() if key not in _replaced(base, said)}, **said}


def _replaced(base: Spec, said: Spec) -> set[str]:
    """The keys of the proposal that what a file says takes the place of."""
    away: set[str] = set()
    if "values" in said:
        away |= {"step", "lower", "upper"}
    if "step" in said:
        away |= {"values"}
    if said.get("kind", base["kind"]).value != base["kind"].value:
        away |= {"step", "values"}
    if "value" not in said and set(said) & {*NUMBER, *KEYS["category"], *KEYS["sequence"]}:
        away |= {"value"}
    return away
