"""The encoding of a text: stated by its first bytes, UTF-8, Windows-1252, or what charset-normalizer finds."""

from __future__ import annotations

import codecs
import re

from mbo_propose.reading.errors import TableError

SAMPLE = 1 << 16
"""So many bytes are judged."""

NAMES = {
    "utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16",
    "utf-32": "UTF-32", "cp1252": "Windows-1252", "cp1250": "Windows-1250", "cp1251": "Windows-1251",
    "cp1253": "Windows-1253", "mac_roman": "Mac Roman", "cp932": "Shift JIS",
    "gb18030": "GB 18030", "big5": "Big5", "euc_kr": "EUC-KR", "koi8_r": "KOI8-R",
}  # fmt: skip
"""What people call the encodings that are looked for."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHERS = ["cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr", "koi8_r", "mac_roman"]
_WESTERN = frozenset("äöüÄÖÜßéèàçêâîôûëïñáíóúåæøÅÆØÉÈÀÇÑ°µ²³±·½¼€‰“”„…®™§\u00d7\u2013\u2014\u2018\u2019\u00b4\u00a0")
"""What Western European lab sheets hold beyond ASCII."""
_FOREIGN = re.compile(r"[^\W\d_a-zA-Z]{3}|[²³±·½¼°\u00d7][a-zß-ÿ]")
"""What no Western language has: three accented letters in a row, a sign within a word."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def decoded(label: str, content: bytes) -> tuple[str, str, list[str]]:
    """The encoding of the bytes, the first part of their text, and notes.

    Raises:
        TableError: for binary data, mixed or unknown encodings.
    """
    codec, notes = _encoding(label, content)
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise _mixed(label, content, codec, error) from error
    control = _CONTROL.search(text)
    if control:
        fact = f"table {label} is binary: character {ord(control[0])} in line {_line(text[: control.start()])}"
        raise TableError(fact, "save the table as CSV or as Excel workbook (.xlsx)")
    if "\ufffd" in text:
        notes.append(f'"{_word(text, chr(0xFFFD))}" holds a sign that an earlier program could not read')
    return codec, _head(text), notes


def _head(text: str) -> str:
    """The first lines of a text."""
    head = text[:SAMPLE]
    end = max(head.rfind("\n"), head.rfind("\r"))
    return head if len(text) <= SAMPLE or end < 0 else head[: end + 1]


def _encoding(label: str, content: bytes) -> tuple[str, list[str]]:
    for mark, codec in _MARKS.items():
        if content.startswith(mark):
            return codec, []
    if b"\x00" in content[:SAMPLE]:
        return _wide(label, content[:SAMPLE]), []
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if _mostly_utf8(content):
            raise _mixed(label, content, "utf-8", error) from error
        return _single(label, content)
    return "utf-8", []


def _wide(label: str, sample: bytes) -> str:
    """UTF-16 without a mark: every other byte of mostly Latin text is 0."""
    low, high = sample[1::2].count(0), sample[::2].count(0)
    if max(low, high) > 0.2 * len(sample) and min(low, high) <= 0.02 * len(sample):
        return "utf-16-le" if low > high else "utf-16-be"
    raise TableError(f"table {label} is binary", "save the table as CSV or as Excel workbook (.xlsx)")


def _mostly_utf8(content: bytes) -> bool:
    """Whether most signs beyond ASCII are those of UTF-8."""
    kept = content.decode("utf-8", "ignore")
    return len(re.findall(r"[^\x00-\x7f]", kept)) >= len(content) - len(kept.encode())


def _single(label: str, content: bytes) -> tuple[str, list[str]]:
    text = _western(content)
    codec = "cp1252" if text else _found(content)
    if codec is None:
        raise TableError(f"encoding of the table {label} is unknown", "save it as UTF-8")
    shown = _word(text or content.decode(codec, "replace"))
    return codec, [f'not UTF-8, read as {NAMES.get(codec, codec)} ("{shown}"): if that is wrong, save it as UTF-8']


def _western(content: bytes) -> str:
    """The text in Windows-1252 if that makes sense, else nothing."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return ""
    beyond = set(re.findall(r"[^\x00-\x7f]", text))
    return text if beyond <= _WESTERN and not _FOREIGN.search(text) else ""


def _found(content: bytes) -> str | None:
    """What charset-normalizer finds among the encodings of tables."""
    from charset_normalizer import from_bytes

    lines = [line for line in content.splitlines() if not line.isascii()]
    best = from_bytes(b"\n".join(lines)[:SAMPLE], cp_isolation=_OTHERS).best()
    return None if best is None else best.encoding


def _mixed(label: str, content: bytes, codec: str, error: UnicodeDecodeError) -> TableError:
    line = _line(content[: error.start].decode(codec, "ignore"))
    found = content[error.start : error.start + 1]
    fact = f"table {label} is {NAMES.get(codec, codec)}, but for {found!r} in line {line}"
    return TableError(fact, "the file mixes encodings or is cut off: save it again as UTF-8")


def _line(before: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", before)) + 1


def _word(text: str, sign: str = r"[^\x00-\x7f]") -> str:
    """The first word that holds a sign."""
    found = re.search(rf"[^\s,;|\"]{{0,20}}{sign}[^\s,;|\"]{{0,20}}", text)
    return found[0] if found else ""
