"""A space as plain tables, lists, texts and numbers, for TOML and JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mbo_core import toml
from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number, Whole
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_reading import Reading


def to_table(space: Space) -> dict[str, Any]:
    """A space as `space.toml` has it.

    >>> from mbo_core.tasks.numbers import Real
    >>> to_table(Space((Real("temp_C", (40, 80), 5), Category("gas", ["N2", "air"]))))["columns"]["temp_C"]
    {'kind': 'real', 'bounds': [40.0, 80.0], 'step': 5.0}
    """
    table: dict[str, Any] = {"columns": {column.name: _column_table(column) for column in space.columns}}
    totals = [one.lower == one.upper and set(one.coefficients.values()) == {1.0} for one in space.constraints]
    first = totals.index(False) if False in totals else len(totals)
    sums, others = space.constraints[:first], space.constraints[first:]
    if sums:
        table["sums"] = [{"columns": list(one.coefficients), "equals": float(one.lower)} for one in sums]
    if others:
        table["constraints"] = [
            {"coefficients": dict(one.coefficients), **_ends(one.lower, one.upper)} for one in others
        ]
    return table


def _column_table(column: Column) -> dict[str, Any]:
    if isinstance(column, Fixed):
        alone = column == Fixed(column.name, column.value)
        return {**({"kind": "fixed"} if alone else _column_table(column.of)), "value": _plain(column.value)}
    if isinstance(column, Category):
        described = {name: [float(value) for value in values] for name, values in column.descriptors.items()}
        more = {"outside": list(column.outside), "descriptors": described}
        return {"kind": "category", "levels": list(column.levels), **{key: said for key, said in more.items() if said}}
    if isinstance(column, Sequence):
        return _sequence_table(column)
    assert isinstance(column, Number)
    return _number_table(column)


def _sequence_table(column: Sequence) -> dict[str, Any]:
    table: dict[str, Any] = {"kind": "sequence", "length": column.length}
    if column.alphabet is None:
        return {**table, "classes": column.classes}
    single = all(len(letter) == 1 for letter in column.alphabet)
    table["alphabet"] = "".join(column.alphabet) if single else list(column.alphabet)
    more = {"gap": column.gap, "outside": list(column.outside)}
    return {**table, **{key: said for key, said in more.items() if said}}


def _number_table(column: Number) -> dict[str, Any]:
    table: dict[str, Any] = {"kind": column.what}
    if column.values is not None:
        table["values"] = list(column.values)
    elif all(math.isfinite(bound) for bound in column.bounds):
        table["bounds"] = list(column.bounds)
    else:
        table.update(_ends(*column.bounds))
    if column.step is not None and not (isinstance(column, Whole) and column.step == 1):
        table["step"] = float(column.step)
    return {**table, **({"log": True} if column.log else {}), **({"unit": column.unit} if column.unit else {})}


def _ends(lower: float, upper: float) -> dict[str, float]:
    """The finite ends of a range."""
    return {key: float(end) for key, end in (("lower", lower), ("upper", upper)) if math.isfinite(end)}


def _plain(value: Any) -> Any:
    """A value as TOML and JSON have it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def from_table(table: Mapping[str, Any]) -> Space:
    """The space that `to_table` wrote.

    Raises:
        TaskError: with every mistake.
    """
    nest = toml.sourced(dict(table), "space")
    assert isinstance(nest, dict)
    return Reading(lambda *_: "space").space(nest)
