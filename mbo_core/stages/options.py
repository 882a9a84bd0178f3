"""Options: the fields of a stage with types, ranges and docs, and conversion from TOML values."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from mbo_core.errors import MboError, nearest
from mbo_core.tasks.space import Kind

T = TypeVar("T")

_METADATA = "mbo.option"
_KINDS = "mbo.kinds"

HELD_OUT = 1 / 5
"""The largest share of a table's distinct designs that is held out from training."""


@dataclass(frozen=True)
class Limits:
    """The range of an option, and its meaning.

    Attributes:
        doc: the meaning, with symbol, unit and source.
        at_least: the smallest allowed value.
        above: the value must be greater than this.
        at_most: the largest allowed value.
        share: of a number of rows or designs: the largest share of the table's distinct designs; a run uses no more.
        instead_of: the option that this one replaces where it is set: one of the two counts.
    """

    doc: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    share: float | None = None
    instead_of: str | None = None

    def refusal(self, value: float) -> str | None:
        """Why a number is out of range, or None."""
        if self.at_least is not None and not value >= self.at_least:
            return f"is {value}, below {self.at_least}"
        if self.above is not None and not value > self.above:
            return f"is {value}, not above {self.above}"
        if self.at_most is not None and not value <= self.at_most:
            return f"is {value}, above {self.at_most}"
        return None

    def range(self) -> str:
        """The range as text, e.g. `>= 0, <= 1`, or `>= 0, <= 20 %` of the designs."""
        parts = ((">=", self.at_least), (">", self.above), ("<=", self.at_most))
        bounds = [f"{sign} {bound:g}" for sign, bound in parts if bound is not None]
        of_table = [] if self.share is None else [f"<= {100 * self.share:g} %"]
        return ", ".join(bounds + of_table)


def option(
    default: T,
    doc: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    share: float | None = None,
    instead_of: str | None = None,
    **by_kind: T,
) -> T:
    """A field of a stage that users may set.

    Step sizes differ by a hundred times between kinds of space. With a default for each, a stage still moves in another
    recipe::

        step_size: float = option(0.01, "step of the ascent", discrete=2.0)

    Args:
        default: its value if the recipe does not set it.
        doc: its meaning: symbol, unit, equation, differences between released code and paper.
        at_least: the smallest allowed number.
        above: the number must be greater than this.
        at_most: the largest allowed number.
        share: of a number of rows or designs: an upper limit, cut to this share of the table's distinct designs.
        instead_of: an option of the same stage that does not count if this one is set; the default is then None.
            A later layer of a recipe that sets either replaces both.
        by_kind: its value on a kind of space, if it differs.

    Raises:
        MboError: for an unknown kind of space.
    """
    for kind in by_kind:
        if kind not in get_args(Kind):
            raise MboError(f'unknown kind of space "{kind}" in an option', nearest(kind, get_args(Kind)))
    limits = Limits(doc, at_least, above, at_most, share, instead_of)
    field: T = dataclasses.field(default=default, metadata={_METADATA: limits, _KINDS: by_kind})
    return field


def stage_option(doc: str, default: Any = None) -> Any:
    """A field that holds another stage.

    Args:
        doc: what it is for.
        default: the stage if a recipe names none. Without it a recipe must name one, but for fields named `adversary`
            or `proxy`, which receive the recipe's own.
    """
    return dataclasses.field(default=default, metadata={_METADATA: Limits(doc)})


@dataclass(frozen=True)
class Option:
    """One field of a stage, as users see it."""

    name: str
    type: Any
    default: Any
    limits: Limits
    stage: type | None
    """The abstract stage that the field holds, or None for a plain value."""
    by_kind: Mapping[Kind, Any] = dataclasses.field(default_factory=dict)
    """Its default on kinds of space where it differs."""

    def default_on(self, kind: Kind) -> Any:
        """The default on a kind of space."""
        return self.by_kind.get(kind, self.default)

    @property
    def defaults(self) -> dict[str, Any]:
        """The default on each kind of space."""
        return {kind: self.default_on(kind) for kind in get_args(Kind)}

    @property
    def type_name(self) -> str:
        """The type as shown to users."""
        return _type_name(self.type)


def _type_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) in {typing.Union, types.UnionType}:
        return " | ".join(_type_name(one) for one in get_args(kind) if one is not type(None))
    return str(getattr(kind, "__name__", kind)) if get_origin(kind) is None else str(kind)


@cache
def options(stage: type) -> Mapping[str, Option]:
    """The fields of a stage class, by name, in order."""
    from mbo_core.stages.contracts import Stage

    hints = typing.get_type_hints(stage)
    found = {}
    for field in dataclasses.fields(stage):
        kind = hints[field.name]
        holds = kind if isinstance(kind, type) and issubclass(kind, Stage) else None
        limits = field.metadata.get(_METADATA, Limits())
        found[field.name] = Option(field.name, kind, field.default, limits, holds, field.metadata.get(_KINDS, {}))
    return types.MappingProxyType(found)


def rivals(stage: type) -> dict[str, str]:
    """The options of a stage that replace another one if they are set, each with the name of the other."""
    return {one.name: one.limits.instead_of for one in options(stage).values() if one.limits.instead_of}


def first_line(documented: object) -> str:
    """The first line of a docstring, for lists; empty without a docstring."""
    return next(iter((documented.__doc__ or "").strip().splitlines()), "")


class Refused(Exception):
    """An option refuses a value; the message completes `<option> ...`.

    Args:
        message: why.
        hint: what to write, or None to use the option's meaning.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def convert(option: Option, value: Any) -> Any:
    """A TOML value as the option's type.

    Raises:
        Refused: with the reason.
    """
    converted = _convert(option.type, value)
    for number in converted if isinstance(converted, tuple) else (converted,):
        refusal = None
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            finite = isinstance(number, int) or math.isfinite(number)
            refusal = option.limits.refusal(number) if finite else f"is {number}, not a finite number"
        if refusal:
            raise Refused(refusal)
    return converted


def _convert(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        return _choice(get_args(kind), value)
    if origin is tuple:
        return _items(get_args(kind)[0], value)
    if origin in {typing.Union, types.UnionType}:
        return _union(get_args(kind), value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise Refused(f"is {value!r}, not {_article(kind.__name__)}")
    return value


def _choice(choices: tuple[Any, ...], value: Any) -> Any:
    if value not in choices or type(value) not in {type(choice) for choice in choices}:
        raise Refused(f"is {value!r}, not one of {', '.join(repr(choice) for choice in choices)}")
    return value


def _items(kind: Any, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise Refused(f"is {value!r}, not a list of {kind.__name__}", f"write [{json.dumps(value)}]")
    return tuple(_convert(kind, item) for item in value)


def _union(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in (kind for kind in kinds if kind is not type(None)):
        try:
            return _convert(kind, value)
        except Refused:
            continue
    names = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds if kind is not type(None))
    raise Refused(f"is {value!r}, not {_article(names)}")


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def to_toml(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as TOML supports them: without None, tuples as lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value is not None
    }
