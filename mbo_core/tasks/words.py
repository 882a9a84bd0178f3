"""What texts in a table say of their column: levels, sequences of letters, names of rows, dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence as Many

from mbo_core.tasks.amounts import words_of
from mbo_core.tasks.columns import Category, Column, Sequence

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
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}\.\d{1,2}\.(\d{4}|\d{2})|\d{1,2}/\d{1,2}/(\d{4}|\d{2})|\d{1,2}-\w{3}-\d{4})"
    r"([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
)
_UNIT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(\s*[^\d\s.,;:+-][^\d,;]*)")
_ANSWERS = {"yes", "no", "true", "false", "y", "n", "t", "f", "on", "off"}


def texts_say(name: str, texts: Many[str]) -> Finding:
    """The column that texts propose, and why.

    Args:
        name: the column's name.
        texts: its cells, empty ones left out.
    """
    counts = Counter(texts)
    if dates(texts):
        return None, "dates"
    if len(counts) > 1 and {text.casefold() for text in counts} <= _ANSWERS:
        return Category(name, tuple(sorted(counts))), f"an answer, {' or '.join(sorted(counts))}"
    if _are_sequences(counts, len(texts)):
        return sequence_of(name, texts)
    different = len(counts) == len(texts) > 2
    if different and (names_rows(name) or all(re.search(r"\d", text) for text in counts)):
        return None, f"a name for each row ({texts[0]}, {texts[1]}, ...)"
    once = sum(count == 1 for count in counts.values())
    if 2 * once > len(texts) > 2:
        return None, f"text that is no sequence, and {once} of {len(texts)} cells occur only once"
    return Category(name, tuple(sorted(counts))), levels_say(sorted(counts))


def levels_say(levels: Many[str]) -> str:
    """What a category is, with a question where two levels look like one."""
    shown = ", ".join(levels[:6]) + (", ..." if len(levels) > 6 else "")
    alike = Counter(" ".join(level.casefold().split()) for level in levels)
    twins = [level for level in levels if alike[" ".join(level.casefold().split())] > 1]
    question = f'; "{twins[0]}" and "{twins[1]}" look like one level: if so, write them alike' if twins else ""
    return f"text of {len(levels)} levels: {shown}{question}"


def names_rows(name: str) -> bool:
    """Whether a column's name says that it numbers the rows.

    >>> names_rows("exp_id"), names_rows("Unnamed: 0"), names_rows("run"), names_rows("run_time_h")
    (True, True, True, False)
    """
    words = words_of(name)
    if not words:
        return name.strip() in {"", "#"}
    return words[-1] in {"id", "idx", "uuid"} or IDS.issuperset(words)


def dates(texts: Many[str]) -> bool:
    """Whether all texts are dates: ISO, d.m.Y or m/d/Y, with or without a time."""
    return all(_DATE.fullmatch(text.strip()) for text in texts)


def unit_of(texts: Many[str]) -> str | None:
    """The unit that all texts have behind a number ("12.3 mL"); None if they have none, or several."""
    found = [_UNIT.fullmatch(text.strip()) for text in texts]
    units = {match[1].strip() for match in found if match}
    return units.pop() if all(found) and len(units) == 1 else None


def _are_sequences(counts: Counter[str], rows: int) -> bool:
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


def sequence_of(name: str, words: Many[Many[str]]) -> tuple[Sequence, str]:
    """The column of words, or of lists of tokens, with a gap letter where their lengths differ, and why."""
    alphabet = sorted({letter for word in words for letter in word})
    lengths = Counter(len(word) for word in words)
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
