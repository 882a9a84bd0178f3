"""The space in a table of TOML or JSON: what it says of each column, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mbo_core import toml
from mbo_core.errors import Mistakes, TaskError, nearest
from mbo_core.tasks.columns import Category, Column, Sequence, text_of
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_keys import COMMON, KEYS, NUMBER, TYPES, is_list, is_number

Made = TypeVar("Made")
Spec = dict[str, toml.Sourced]
"""What is said of one column, by key."""


def _total(one: Any) -> Linear:
    _only(one, "sums", ("columns", "equals"))
    if not is_list(one.get("columns"), str) or not is_number(one.get("equals")):
        raise TaskError("sum lacks its columns or its value", 'write columns = ["a", "b"] and equals = 1.0')
    return Linear.total(one["columns"], float(one["equals"]))


def _linear(one: Any) -> Linear:
    _only(one, "constraints", ("coefficients", "lower", "upper"))
    weights, ends = one.get("coefficients"), {key: one[key] for key in ("lower", "upper") if key in one}
    if not isinstance(weights, dict) or not all(map(is_number, [*weights.values(), *ends.values()])) or not ends:
        raise TaskError(
            "constraint lacks its coefficients or its ends", "write coefficients = {a = 1, b = 2} and upper = 3"
        )
    return Linear(weights, **{key: float(end) for key, end in ends.items()})


def _only(one: Any, what: str, keys: tuple[str, ...]) -> None:
    for key in one if isinstance(one, dict) else ():
        if key not in keys:
            raise TaskError(f'unknown key "{key}" of [[{what}]]', nearest(key, keys))
    if not isinstance(one, dict):
        raise TaskError(f"{what} has {one!r}", f"write [[{what}]]")


_MAKE: dict[str, Callable[[Any], Linear]] = {"sums": _total, "constraints": _linear}


@dataclass
class Reading:
    """The space in a table, with its mistakes.

    Attributes:
        where: the file and line of keys.
        mistakes: what was found so far.
    """

    where: Callable[..., str]
    mistakes: Mistakes = field(default_factory=Mistakes)

    def space(self, table: toml.Table) -> Space:
        """The space.

        Raises:
            TaskError: with every mistake.
        """
        return self.built(self.specs(table), self.constraints(table))

    def specs(self, table: toml.Table) -> dict[str, Spec]:
        """What a table says of each column."""
        for key in table:
            if key not in ("columns", "sums", "constraints"):
                self.mistakes.add(
                    self.where(key), f'unknown key "{key}"', nearest(key, ("columns", "sums", "constraints"))
                )
        columns = toml.subtable(table, "columns")
        if isinstance(table.get("columns"), toml.Sourced):
            self.mistakes.add(self.where("columns"), "columns is not a table", "write [columns.NAME] for each")
        for name, given in columns.items():
            if isinstance(given, toml.Sourced):
                self.mistakes.add(given.where, f'column "{name}" is {given.value!r}', f"write [columns.{name}]")
        return {name: self.spec(name, given) for name, given in columns.items() if isinstance(given, dict)}

    def spec(self, name: str, table: toml.Table) -> Spec:
        """What a table says of a column, but for values of the wrong type."""
        spec: Spec = {}
        for key, given in table.items():
            if isinstance(given, dict):
                given = toml.Sourced(toml.plain(given), self.where("columns", name, key))
            if key not in TYPES:
                self.mistakes.add(given.where, f'unknown key "{key}" of column "{name}"', nearest(key, TYPES))
            elif not TYPES[key][0](given.value):
                self.mistakes.add(given.where, f'column "{name}" has {key} = {given.value!r}', f"give {TYPES[key][1]}")
            else:
                spec[key] = given
        return _ranged(spec)

    def built(self, specs: Mapping[str, Spec], constraints: list[tuple[Linear, str]]) -> Space:
        """The space of columns and constraints.

        Raises:
            TaskError: with every mistake.
        """
        found = [column for name, spec in specs.items() if (column := self.column(name, spec)) is not None]
        if not self.mistakes.found:
            columns = tuple(found)
            for constraint, where in constraints:
                self.tried(where, Space, columns, (constraint,))
            if not self.mistakes.found:
                space = self.tried(self.where(), Space, columns, tuple(one for one, _ in constraints))
                if isinstance(space, Space):
                    return space
        raise TaskError(*self.mistakes.joined("the space"))

    def column(self, name: str, spec: Spec) -> Column | None:
        """The column; None where it has a mistake."""
        kind = str(spec["kind"].value) if "kind" in spec else _kind(spec)
        where = self.where("columns", name)
        if kind not in KEYS:
            self.mistakes.add(where, f'unknown kind "{kind}" of column "{name}"', nearest(kind, KEYS))
            return None
        wrong = [key for key in spec if key not in (*KEYS[kind], *COMMON)]
        for key in wrong:
            owner = next(one for one in KEYS if key in KEYS[one])
            hint = f'{_listed(KEYS[kind])}; or write kind = "{owner}"'
            self.mistakes.add(spec[key].where, f'"{key}" of column "{name}", which is {kind}', hint)
        plain = {key: given.value for key, given in spec.items() if key not in ("kind", "ignore", *wrong)}
        return self.tried(where, _column, name, kind, plain)

    def constraints(self, table: toml.Table) -> list[tuple[Linear, str]]:
        """The sums and constraints of a table, and where each is."""
        found = [
            (key, place, one) for key in ("sums", "constraints") for place, one in enumerate(self._list(table, key))
        ]
        read = [(self.where(key, str(place)), _MAKE[key], one) for key, place, one in found]
        made = [(self.tried(where, make, one), where) for where, make, one in read]
        return [(one, where) for one, where in made if one is not None]

    def _list(self, table: toml.Table, key: str) -> list[Any]:
        given = table.get(key, toml.Sourced([], ""))
        if isinstance(given, toml.Sourced) and isinstance(given.value, list):
            return given.value
        self.mistakes.add(self.where(key), f"{key} is not a list", f"write [[{key}]]")
        return []

    def tried(self, where: str, make: Callable[..., Made], *given: Any) -> Made | None:
        """What `make` makes; None, and a mistake, where it refuses."""
        try:
            return make(*given)
        except TaskError as error:
            self.mistakes.add(where, error.message, error.hint)
            return None


def _listed(keys: tuple[str, ...]) -> str:
    return f"known: {', '.join((*keys, *COMMON))}"


def _kind(spec: Spec) -> str:
    """The kind of a column that does not name it."""
    keys = set(spec)
    if keys & set(KEYS["category"]):
        return "category"
    if keys & set(KEYS["sequence"]):
        return "sequence"
    return "fixed" if "value" in keys and not keys & set(NUMBER) else "real"


def _ranged(spec: Spec) -> Spec:
    """The same with `bounds` as `lower` and `upper`."""
    if "bounds" not in spec:
        return spec
    (lower, upper), where = spec["bounds"].value, spec["bounds"].where
    ends = {"lower": toml.Sourced(lower, where), "upper": toml.Sourced(upper, where)}
    return {**ends, **{key: given for key, given in spec.items() if key != "bounds"}}


def _column(name: str, kind: str, plain: dict[str, Any]) -> Column:
    held = "value" in plain
    value = plain.pop("value", None)
    if kind == "fixed":
        return Fixed(name, _given(name, kind, value, "value"))
    column = _free(name, kind, plain)
    return Fixed(name, value, column) if held else column


def _free(name: str, kind: str, plain: dict[str, Any]) -> Column:
    if "outside" in plain:
        plain["outside"] = tuple(map(text_of, plain["outside"]))
    if kind == "category":
        levels = tuple(text_of(level) for level in _given(name, kind, plain.get("levels"), "levels"))
        described = {key: tuple(map(float, values)) for key, values in plain.get("descriptors", {}).items()}
        return Category(name, levels, described, plain.get("outside", ()))
    if kind == "sequence":
        return Sequence(name, _given(name, kind, plain.pop("length", None), "length"), **plain)
    bounds = (plain.pop("lower", -math.inf), plain.pop("upper", math.inf))
    return (Whole if kind == "whole" else Real)(name, bounds, **plain)


def _given(name: str, kind: str, value: Any, key: str) -> Any:
    if value is None:
        raise TaskError(f'column "{name}" is {kind} and has no {key}', f"write {key} = ...")
    return value
