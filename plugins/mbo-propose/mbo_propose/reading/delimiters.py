"""What separates the cells of a text, and what quotes them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

LINES = 100
"""So many lines are judged."""
USUAL = (",", ";", "\t", "|")
RARE = (" ", ":", "~", "^")
WORDS = {"\t": "tab", " ": "space"}
"""What signs are called that nobody sees."""


@dataclass(frozen=True)
class Separated:
    """How cells are separated.

    Attributes:
        delimiter: one character.
        quote: one character, `"` where the text uses none.
        escape: the character before a quote within quotes; None if quotes are doubled.
    """

    delimiter: str
    quote: str = '"'
    escape: str | None = None

    def records(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The cells of each record; `csv.Error` for a quote that is not closed."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            skipinitialspace=True,
            strict=True,
        )

    def widths(self, lines: list[str]) -> Counter[int]:
        """How many records have how many cells, blank ones left out; none if the text has another dialect."""
        try:
            return Counter(len(record) for record in self.records(lines) if any(record))
        except csv.Error:
            return Counter()

    def fit(self, lines: list[str]) -> float:
        """The share of records that have the commonest number of cells; 0 for one cell each."""
        widths = self.widths(lines)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        return count / widths.total() if width > 1 else 0.0


def separated(text: str) -> tuple[Separated, list[str]]:
    """How the cells of a text are separated, and notes.

    One usual delimiter that gives each line the same number of cells is certain; else clevercsv decides.
    """
    lines = list(islice(text.splitlines(keepends=True), LINES))
    if lines and lines[0].strip().casefold().startswith("sep=") and len(lines[0].strip()) == 5:
        return Separated(lines[0].strip()[-1]), []
    plain = {one: Separated(one).fit(lines) for one in USUAL}
    even = [one for one, share in plain.items() if share == 1]
    if len(even) == 1 and "'" not in text[: 1 << 12]:
        return Separated(even[0]), []
    found = _clever("".join(lines))
    if found is not None and found.fit(lines) >= max(plain.values()):
        return found, _others(found, even)
    best = max(plain, key=lambda one: plain[one])
    return Separated(best), _others(Separated(best), even)


def _others(found: Separated, even: list[str]) -> list[str]:
    """A note if another delimiter would give lines of equal length too."""
    others = [f"'{WORDS.get(one, one)}'" for one in even if one != found.delimiter]
    return [f"the delimiter could also be {' or '.join(others)}"] if others and found.delimiter in even else []


def _clever(text: str) -> Separated | None:
    """What clevercsv finds; None for a single column."""
    from clevercsv.detect import Detector

    try:
        dialect = Detector().detect(text, delimiters=[*USUAL, *RARE])
    except (csv.Error, ValueError, IndexError, OverflowError):
        return None
    if dialect is None or not dialect.delimiter:
        return None
    return Separated(dialect.delimiter, dialect.quotechar or '"', dialect.escapechar or None)
