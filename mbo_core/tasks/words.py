"""What texts in a table say of their column: levels, sequences of letters, names of rows, dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.amounts import words_of
from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed

Finding = tuple[Column | None, str]
"""The column that is proposed, None for one to ignore, and why."""

FEW_LETTERS = 6
"""Alphabets of up to so many letters (bases) are those of sequences even in short words."""
MANY_WORDS = 30
"""So many distinct short words of one length are sequences and no abbreviations."""
GAPS = "-._~"
"""Letters that a gap may have, the first one that is no letter of the sequences."""
_IDS = "id ids idx index nr no num number run row exp experiment entry sample trial unnamed name key uuid barcode"
IDS = frozenset(re.findall(r"\w+", _IDS))
"""Words in the name of a column that numbers the rows."""

_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}\.\d{1,2}\.(\d{4}|\d{2})|\d{1,2}/\d{1,2}/(\d{4}|\d{2})"
    r"|\d{1,2}[- .]+[A-Z][a-z]{2,8}[- .]+\d{2,4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4})?"
    r"((^|[T ])\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?(Z|[+-]\d{2}:?\d{2})?)?"
)
_UNIT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(\s*[^\d\s.,;:+-][^\d,;]*)")
_COMMA = re.compile(r"[-+]?\d+(,\d+)?")
_ANSWERS = {"yes", "no", "true", "false", "y", "n", "t", "f", "on", "off"}


def texts_say(name: str, counts: Mapping[str, int]) -> Finding:
    """The column that texts propose, and why.

    Args:
        name: the column's name.
        counts: how many cells have each text, empty ones left out.
    """
    rows, first = sum(counts.values()), next(iter(counts))
    if dates(counts):
        return None, "dates"
    if any("," in text for text in counts) and all(_COMMA.fullmatch(text.strip()) for text in counts):
        return None, f'numbers with a decimal comma ("{first}"): write them with a point'
    if len(counts) == 1:
        return Fixed(name, first), f'it is always "{first}"'
    if {text.casefold() for text in counts} <= _ANSWERS:
        return Category(name, tuple(sorted(counts))), levels_say(counts)
    if _are_sequences(counts, rows):
        return sequence_of(name, counts)
    if len(counts) == rows > 2 and (names_rows(name) or all(re.search(r"\d", text) for text in counts)):
        return None, f"a name for each row ({', '.join(list(counts)[:2])}, ...)"
    once = sum(count == 1 for count in counts.values())
    if 2 * once > rows > 2:
        fact = f"text that is no sequence, and {once} of {rows} cells occur only once"
        return None, f'{fact}; to search it, make it a category (kind = "category")'
    return Category(name, tuple(sorted(counts))), levels_say(counts)


def levels_say(counts: Mapping[str, int]) -> str:
    """What a category is, with a question where two levels look like one."""
    levels = sorted(counts)
    shown = ", ".join(levels[:6]) + (", ..." if len(levels) > 6 else "")
    once = sum(count == 1 for count in counts.values())
    rare = f"; {once} of them occur only once" if 2 * once > len(levels) else ""
    alike = Counter(" ".join(level.casefold().split()) for level in levels)
    twins = [level for level in levels if alike[" ".join(level.casefold().split())] > 1]
    question = f'; "{twins[0]}" and "{twins[1]}" look like one level: if so, write them alike' if twins else ""
    return f"category of {len(levels)} levels: {shown}{rare}{question}"


def names_rows(name: str) -> bool:
    """Whether a column's name says that it numbers the rows.

    >>> names_rows("exp_id"), names_rows("Unnamed: 0"), names_rows("run"), names_rows("run_time_h")
    (True, True, True, False)
    """
    words = words_of(name)
    if not words:
        return name.strip() in {"", "#"}
    return words[-1] in {"id", "idx", "uuid"} or IDS.issuperset(words)


def dates(texts: Iterable[str]) -> bool:
    """Whether all texts are dates or times: ISO, d.m.Y, m/d/Y, 3 Mar 2026."""
    return all(text.strip() and _DATE.fullmatch(text.strip()) for text in texts)


def days(name: str, values: NDArray[np.float64]) -> bool:
    """Whether whole numbers are days, such as 20260319, in a column that says so."""
    dated = {"date", "dates", "day", "datum", "timestamp"} & set(words_of(name))
    return bool(dated) and bool(((values > 19_000_000) & (values < 21_000_000)).all())


def unit_of(texts: Iterable[str]) -> str | None:
    """The unit that all texts have behind a number ("12.3 mL"); None if they have none, or several.

    A single letter right behind a whole number is no unit: 304L and 316L are names.
    """
    found = [_UNIT.fullmatch(text.strip()) for text in texts]
    written = [match[1] for match in found if match]
    units = {unit.strip() for unit in written}
    if not found or not all(found) or len(units) > 1:
        return None
    unit = units.pop()
    name = len(unit) == 1 and unit.isalpha() and not any(one[0].isspace() for one in written)
    return None if name and not any("." in text for text in texts) else unit


def _are_sequences(counts: Mapping[str, int], rows: int) -> bool:
    """Whether words are sequences: most of them distinct, in letters of one case, of the same or similar lengths."""
    letters = set("".join(counts)) - set(GAPS) - {"*"}
    bits = letters == {"0", "1"}
    spelt = all(letter.isalpha() for letter in letters) and _one_case(letters)
    if not letters or not (spelt or bits) or 2 * len(counts) <= rows:
        return False
    lengths = [len(word) for word in counts]
    shortest, longest = min(lengths), max(lengths)
    if len(letters) <= FEW_LETTERS:
        return shortest >= 3 and longest <= 2 * shortest
    if any(letter.islower() for letter in letters):
        return False
    if shortest == longest:
        return longest >= 5 or (longest >= 3 and len(counts) >= MANY_WORDS)
    return shortest >= 5 and longest <= 1.5 * shortest


def _one_case(letters: set[str]) -> bool:
    text = "".join(letters)
    return text in (text.upper(), text.lower())


def sequence_of(name: str, words: Mapping[Any, int]) -> tuple[Sequence, str]:
    """The column of words, or of tuples of tokens, with a gap letter where their lengths differ, and why.

    Args:
        name: the column's name.
        words: how many rows have each.
    """
    alphabet = sorted({letter for word in words for letter in word})
    lengths: Counter[int] = Counter()
    for word, count in words.items():
        lengths[len(word)] += count
    longest = max(lengths)
    what = "tokens" if any(len(letter) > 1 for letter in alphabet) else "letters"
    if len(lengths) == 1:
        reason = f"sequences of {longest} {what} over an alphabet of {len(alphabet)}"
        return Sequence(name, longest, tuple(alphabet)), reason
    gap = next(letter for letter in [*GAPS, "<gap>"] if letter not in alphabet)
    listed = ", ".join(f"{count} of {length}" for length, count in sorted(lengths.items()))
    commonest = max(lengths, key=lambda length: (lengths[length], length))
    reason = (
        f'sequences of {min(lengths)} to {longest} {what} ({listed}); shorter ones end in the gap "{gap}": '
        f"or keep only the {lengths[commonest]} of {commonest} {what}"
    )
    return Sequence(name, longest, (*alphabet, gap), gap), reason
