"""How a table was written, in one line for people, and for writing another in the same way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mbo_propose.reading.below import Below
from mbo_propose.reading.decimals import SAID
from mbo_propose.reading.delimiters import WORDS, Separated
from mbo_propose.reading.encoding import NAMES
from mbo_propose.reading.numerals import Sign

Written: TypeAlias = Literal["text", "excel", "parquet", "frame"]


@dataclass(frozen=True)
class Dialect:
    """How a table was written.

    Attributes:
        form: text, Excel, Parquet, or a frame in memory.
        cells: how the cells of a text are separated.
        sign: what stands before decimals.
        encoding: the name of the codec of a text.
        newline: the end of a line of text.
        sheet: the sheet of a workbook.
        below: the line below the column names, if it is no row.
        behind: what stands behind the numbers of a column, by name: " mL".
    """

    form: Written = "text"
    cells: Separated = field(default_factory=lambda: Separated(","))
    sign: Sign = "."
    encoding: str = "utf-8"
    newline: str = "\n"
    sheet: str = ""
    below: Below | None = None
    behind: dict[str, str] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        """The ending of a file in this dialect."""
        text = ".tsv" if self.cells.delimiter == "\t" else ".csv"
        return {"excel": ".xlsx", "parquet": ".parquet"}.get(self.form, text)

    def __str__(self) -> str:
        """What was decided, in one line.

        >>> print(Dialect(cells=Separated(";"), sign=",", encoding="cp1252"))
        delimiter ';', decimal comma, Windows-1252
        """
        parts = {
            "text": self._text(),
            "excel": [f'Excel, sheet "{self.sheet}"'],
            "parquet": ["Parquet"],
            "frame": ["a frame"],
        }[self.form]
        return ", ".join([*parts, *([f"a line of {self.below.what}"] if self.below else [])])

    def _text(self) -> list[str]:
        delimiter = WORDS.get(self.cells.delimiter)
        quoted = [f"quote {self.cells.quote}"] if self.cells.quote != '"' else []
        named = NAMES.get(self.encoding, self.encoding)
        return [f"delimiter {delimiter or repr(self.cells.delimiter)}", *quoted, SAID[self.sign], named]
