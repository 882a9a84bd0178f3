"""The words that mean "no value" in a column of numbers: a written list."""

from __future__ import annotations

import re

from mbo_core.tasks.files import EMPTY

WORDS = frozenset(
    word.casefold()
    for word in (
        *EMPTY,
        *("na", "n.a.", "n. a.", "n.v.", "k.a.", "k. a.", "not available", "missing", "none recorded", "blank"),
        *("n.d.", "nd", "n/d", "n. d.", "n.b.", "n.m.", "n.t.", "not determined", "not detected", "not measured"),
        *("not tested", "n.q.", "not quantified", "nan", "null", "tbd", "t.b.d.", "pending"),
        *("lod", "loq", "bdl", "blq", "bql", "bloq", "b.d.l.", "below lod", "below loq", "below detection limit"),
        *("-", "--", "---", "\u2013", "\u2014", "?", "??", ".", "..", "...", "/", "*", "#"),
        *("#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!", "#nv", "#wert!", "#zahl!"),
    )
)
"""No number was measured: blanks, abbreviations, limits of detection, dashes, errors of spreadsheets."""

EMPTY_TEXTS = frozenset(EMPTY)
"""The words that are no level in a column of texts either; a dash or "n.d." may be one."""

_LIMIT = re.compile(r"(<|>|\u2264|\u2265)=?\s*[^\s<>].{0,30}")


def is_limit(text: str) -> bool:
    """Whether a cell says only that a value lies below or above a limit.

    >>> is_limit("<LOD"), is_limit(">100"), is_limit("< 0,5 mg"), is_limit("12")
    (True, True, True, False)
    """
    return _LIMIT.fullmatch(text) is not None


def is_missing(text: str) -> bool:
    """Whether a cell of a column of numbers holds no value.

    >>> [text for text in ("n.d.", "<LOD", "-", "", "failed", "0") if not is_missing(text)]
    ['failed', '0']
    """
    return text.casefold() in WORDS or not text or is_limit(text)
