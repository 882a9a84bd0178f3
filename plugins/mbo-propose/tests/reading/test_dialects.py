"""Tables in every dialect come back equal; garbled ones give a table or one clear error."""

from __future__ import annotations

import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mbo_propose.reading import TableError, read

FOREIGN = re.compile("[äöü]{3}|°[a-zäöü]")
"""What no Western lab sheet holds: it speaks against Windows-1252."""
WORD = (
    st.text("abcxyzäöü°,;'\"|- 3.", min_size=1, max_size=8)
    .filter(lambda text: not FOREIGN.search(text))
    .map(lambda text: f"k{text}".strip())
)
CELLS = {
    "amount": st.integers(-9999, 9999).map(lambda whole: whole / 100),
    "count": st.integers(0, 3000),
    "label": WORD,
}


@st.composite
def frames(draw):
    rows = draw(st.integers(2, 8))
    kinds = ["amount", *draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))]
    columns = {
        f"{kind} {place}": draw(st.lists(CELLS[kind], min_size=rows, max_size=rows)) for place, kind in enumerate(kinds)
    }
    columns["amount 0"][0] = 0.25  # says for certain what stands before the decimals
    return pd.DataFrame(columns)


@st.composite
def dialects(draw):
    return {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "sign": draw(st.sampled_from(".,")),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        "newline": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "units": draw(st.booleans()),
    }


def written(frame, delimiter, sign, encoding, quoting, newline, units) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    writer.writerow(frame.columns)
    if units:
        writer.writerow(["" if name.startswith("label") else "mM" for name in frame])
    for row in frame.itertuples(index=False):
        writer.writerow([str(cell).replace(".", sign) if isinstance(cell, float) else cell for cell in row])
    return text.getvalue().encode(encoding)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.csv"


@settings(max_examples=50, deadline=None)
@given(frame=frames(), dialect=dialects())
def test_a_table_comes_back_in_any_dialect(path, frame, dialect):
    path.write_bytes(written(frame, **dialect))
    table = read(path)
    pd.testing.assert_frame_equal(table.frame, frame, check_dtype=False)
    assert table.dialect.cells.delimiter == dialect["delimiter"]
    assert table.dialect.sign == dialect["sign"]
    assert (table.dialect.below is not None) == dialect["units"]


@settings(max_examples=25, deadline=None)
@given(frame=frames(), dialect=dialects())
def test_what_is_written_reads_the_same(path, frame, dialect):
    path.write_bytes(written(frame, **dialect))
    table = read(path)
    again = path.with_name("again.csv")
    again.unlink(missing_ok=True)
    table.write(table.frame, again)
    second = read(again)
    pd.testing.assert_frame_equal(second.frame, table.frame, check_dtype=False)
    assert (second.dialect, second.units) == (table.dialect, table.units)


def outcome(path):
    """The columns of a table, or the hint of the error."""
    try:
        return list(read(path).frame)
    except TableError as error:
        return error.hint


TABLE = "name,heat,score\nä,1,2.5\nb,2,3.5\nc,3,4.5\n"


@settings(max_examples=50, deadline=None)
@given(
    base=st.sampled_from([TABLE.encode(), TABLE.encode("utf-16"), TABLE.encode("cp1252")]),
    cuts=st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=6)), max_size=6),
)
@example(base=b'"', cuts=[])
@example(base=b"\x00", cuts=[])
@example(base=b"PK\x03\x04xl/", cuts=[])
@example(base=b"PAR1", cuts=[])
def test_garbled_bytes_give_a_table_or_an_error(path, base, cuts):
    for place, more in cuts:
        base = base[:place] + more + base[place + len(more) // 2 :]
    path.write_bytes(base)
    assert outcome(path)


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=60))
def test_any_bytes_give_a_table_or_an_error(path, content):
    path.write_bytes(content)
    assert outcome(path)
