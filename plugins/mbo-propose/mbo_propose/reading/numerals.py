"""Numbers as people write them: decimal commas, separators of thousands, units behind them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from mbo_propose.reading.units import is_unit

Sign: TypeAlias = Literal[".", ","]
"""The sign before the decimals."""

_NUMBER = re.compile(
    r"([-+\u2212]?)(\d[\d.,' \u00a0\u202f\u2009]*\d|\d[.,]?|[.,]\d+)([eE][-+]?\d+)?"
    r"(\s*)(|[^\d\s.,;:+'-][^,;:]*)"
)
_BY_SPACE = "' \u00a0\u202f\u2009\u2019"
_HOURS = frozenset("hsgCKV%")
"""Single letters that are units even right behind a whole number; 304L and 12A are names."""


class Numeral(NamedTuple):
    """A number in a cell.

    Attributes:
        value: the number.
        gap: what stands between it and its unit.
        unit: its unit, empty if there is none.
        grouped: whether its thousands are separated.
    """

    value: float
    gap: str
    unit: str
    grouped: bool


@dataclass
class Votes:
    """How cells write their decimals; `1,234` may be either."""

    point: int = 0
    comma: int = 0
    open_point: int = 0
    open_comma: int = 0

    def sign(self) -> Sign | None:
        """The sign, None if the cells say nothing, or both."""
        if bool(self.point) == bool(self.comma):
            return None
        return "." if self.point else ","

    def add(self, body: str) -> None:
        """Count the digits of one cell."""
        if "." in body and "," in body:
            last = max(body, key=lambda one: body.rfind(one) if one in ".," else -1)
            self._certain("," if last == "," else ".")
        elif body.count(",") == 1:
            self._one(body, ",")
        elif body.count(".") == 1:
            self._one(body, ".")
        elif "," in body or "." in body:
            other = "." if "," in body else ","
            if _grouped(body, "," if "," in body else "."):
                self._certain("." if other == "." else ",")

    def _one(self, body: str, sign: str) -> None:
        if not re.fullmatch(rf"[1-9]\d{{0,2}}\{sign}\d{{3}}", body):
            self._certain("," if sign == "," else ".")
        elif sign == ",":
            self.open_comma += 1
        else:
            self.open_point += 1

    def _certain(self, sign: Sign) -> None:
        if sign == ",":
            self.comma += 1
        else:
            self.point += 1


def votes(cells: Iterable[str]) -> Votes:
    """What the numbers among some cells say of the sign before their decimals."""
    counted = Votes()
    for cell in cells:
        found = _NUMBER.fullmatch(cell.strip()) if "," in cell or "." in cell else None
        if found:
            counted.add(re.sub(f"[{_BY_SPACE}]", "", found[2]))
    return counted


def numeral(text: str, sign: Sign) -> Numeral | None:
    """The number in a cell, with the unit behind it; None if it is no number.

    >>> numeral("1.234,5 mL", ",")
    Numeral(value=1234.5, gap=' ', unit='mL', grouped=True)
    >>> numeral("1,4-dioxane", "."), numeral("304L", "."), numeral("19.03.2026", ".")
    (None, None, None)
    """
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    minus, body, exponent, gap, unit = found.groups(default="")
    plain, grouped = _plain(body, sign)
    value = float(f"{minus.replace(chr(0x2212), '-')}{plain}{exponent}") if plain else math.nan
    if not math.isfinite(value) or (unit and not _unit(body, gap, unit.strip())):
        return None
    return Numeral(value, gap, unit.strip(), grouped)


def _plain(body: str, sign: Sign) -> tuple[str, bool]:
    """The digits with a point and without separators, and whether there were any; empty if they are no number."""
    whole, _, fraction = body.partition(sign)
    if fraction and not fraction.isdigit():
        return "", False
    if whole.isdigit() or not whole:
        return f"{whole or 0}.{fraction}" if fraction else whole, False
    between = {one for one in whole if not one.isdigit()}
    other = "," if sign == "." else "."
    if len(between) > 1 or not between <= {other, *_BY_SPACE} or not _grouped(whole, between.copy().pop()):
        return "", False
    return f"{''.join(one for one in whole if one.isdigit())}.{fraction or 0}", True


def _grouped(body: str, separator: str) -> bool:
    first, *rest = body.split(separator)
    return (
        0 < len(first) <= 3
        and first.isdigit()
        and first[0] != "0"
        and all(len(one) == 3 and one.isdigit() for one in rest)
    )


def _unit(body: str, gap: str, unit: str) -> bool:
    """Whether what stands behind a number is a unit: a known one, or a word without digits."""
    if len(unit) == 1 and unit.isalpha() and not gap and body.isdigit():
        return unit in _HOURS
    return is_unit(unit) or (len(unit) <= 12 and not any(one.isdigit() for one in unit))


def shown(words: Counter[str], most: int = 5) -> str:
    """Texts with how often they occur, as notes have them.

    >>> shown(Counter({"n.d.": 3, "<LOD": 1}))
    '3 "n.d.", 1 "<LOD"'
    """
    listed = ", ".join(f'{count} "{word[:40]}"' for word, count in words.most_common(most))
    return listed + (", ..." if len(words) > most else "")
