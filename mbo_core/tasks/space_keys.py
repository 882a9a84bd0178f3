"""The keys of a column in `space.toml`, and the types of their values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

NUMBER = ("bounds", "lower", "upper", "step", "values", "log", "unit")
KEYS: dict[str, tuple[str, ...]] = {
    "real": NUMBER,
    "whole": NUMBER,
    "category": ("levels", "descriptors", "outside"),
    "sequence": ("length", "alphabet", "gap", "classes", "outside"),
    "fixed": (),
}
"""The keys of each kind of column, beside `kind`, `value` and `ignore`."""
COMMON = ("kind", "value", "ignore")


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def is_list(value: Any, *kinds: type) -> bool:
    """Whether a value is a list of values of these types, and not empty."""
    return isinstance(value, list) and len(value) > 0 and all(isinstance(one, kinds) for one in value)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(is_number, value))


def _describes(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_numbers, value.values()))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (lambda value: isinstance(value, str), "a text"),
    "bounds": (lambda value: _is_numbers(value) and len(value) == 2, "two numbers, e.g. [40.0, 80.0]"),
    "lower": (is_number, "a number"),
    "upper": (is_number, "a number"),
    "step": (is_number, "a number"),
    "values": (_is_numbers, "a list of numbers"),
    "log": (lambda value: isinstance(value, bool), "true or false"),
    "unit": (lambda value: isinstance(value, str), "a text"),
    "levels": (lambda value: is_list(value, str, int, float), "a list of texts"),
    "outside": (lambda value: is_list(value, str, int, float), "a list of texts"),
    "descriptors": (_describes, "a list of numbers for each descriptor"),
    "length": (_is_whole, "a whole number"),
    "classes": (_is_whole, "a whole number"),
    "alphabet": (
        lambda value: bool(value) and (isinstance(value, str) or is_list(value, str)),
        "a text, or a list of texts",
    ),
    "gap": (lambda value: isinstance(value, str), "a letter"),
    "value": (lambda value: isinstance(value, (str, int, float)) or is_list(value, str, int), "a number or a text"),
    "ignore": (lambda value: isinstance(value, bool), "true or false"),
}
"""The keys of a column: whether a value is of their type, and how to say it."""
