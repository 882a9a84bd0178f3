"""Download data sets, file by file, from the community's mirror of Design-Bench's data.

A file is written under a temporary name, checked, and renamed. Existing files are not fetched again, so an interrupted
download resumes; see `mbo_design_bench.partial` for partial files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

from mbo_core.errors import StoreError, TaskError
from mbo_design_bench import checksums, data, shards
from mbo_design_bench.layout import Facts
from mbo_design_bench.partial import Part, trust

MIRROR = "https://huggingface.co/datasets/beckhamc/design_bench_data/resolve/main"
VARIABLE = "MBO_DATA_URL"

PAUSES = (1.0, 4.0)
"""Seconds to wait before each retry after a temporary failure."""

PASSING = {408, 416, 425, 429, 500, 502, 503, 504}
"""Status codes of a temporary failure, or of a resumed file whose version changed."""

MOST_ROWS = 10_000_000
"""What a data set can have whose number of rows was never published."""

IMPORT = "import your own files: mbo data fetch TASK --from DIR"

Bar = Callable[[str, int, int], Any]
"""Called with a file's name, its number and the number of files; gives a progress bar like tqdm's, or None."""


def base() -> str:
    """The base URL of the data sets' folders, without a trailing slash.

    Raises:
        TaskError: if `MBO_DATA_URL` is not a URL.
    """
    url = os.environ.get(VARIABLE) or MIRROR
    if not url.startswith(("https://", "http://")):
        raise TaskError(f"{VARIABLE} is not a URL: {url!r}", "start it with https:// or http://")
    trust(url, f"{VARIABLE} is ")
    return url.rstrip("/")


def most_bytes(facts: Facts, name: str) -> int:
    """The largest size that a file of a data set can have: all rows in one file, with its header."""
    width = facts.layout.space.length if "-x-" in name else 1
    return shards.ITEM * width * (facts.rows or MOST_ROWS) + shards.MOST_HEADER


def fetch(facts: Facts, root: Path, bar: Bar = lambda *_: None) -> int:
    """Download the missing files of a data set; returns their number.

    Args:
        facts: the task whose data to fetch.
        root: the folder to make the data set's folder in.
        bar: shows the progress.

    Raises:
        TaskError: if the mirror does not answer, lacks a file, or serves a changed one; if a local file changed.
        StoreError: if the disk is full, or the folder cannot be written.
    """
    if not facts.layout.mirrored:
        raise TaskError(f"the mirror lacks the data of {facts.name}", IMPORT)
    folder, names = root / facts.layout.folder, facts.layout.files()
    fetched = 0
    for number, name in enumerate(names, 1):
        known = checksums.known(folder, facts.layout)
        if data.exists(folder / name):
            _adopt(folder / name, known, facts)
            continue
        _arrive(folder / name, known.get(name), facts, bar(f"{facts.layout.folder}/{name}", number, len(names)))
        fetched += 1
    return fetched


def _adopt(path: Path, known: dict[str, str], facts: Facts) -> None:
    if not checksums.verify(path, known):
        shards.check(path, facts.layout)
    if path.name not in checksums.recorded(path.parent):
        checksums.record(path, checksums.sha256(path))


def _arrive(path: Path, known: str | None, facts: Facts, bar: Any) -> None:
    url = f"{base()}/{facts.layout.folder}/{path.name}"
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Part.of(path)
        _download(url, part, bar, most_bytes(facts, path.name))
        digest = checksums.sha256(part.path)
        if known is not None and digest != known:
            raise TaskError(
                f"checksum mismatch: {url} changed since the first fetch, or is not the published file; "
                f"SHA-256 {digest}, expected {known}",
                _distrust(path, facts),
            )
        shards.check(part.path, facts.layout, path.name, origin=url)
        # Recorded first: a file without a checksum would count as the user's own.
        checksums.record(path, digest)
        os.replace(part.path, path)
    except TaskError as error:
        error.hint = error.hint or _hint(None)
        raise
    except OSError as error:
        hint = f"free some space, or set another folder in {data.VARIABLE}"
        raise StoreError(f"cannot write {path}: {error.strerror or error}", hint) from error
    finally:
        if part is not None:
            part.drop()


def _distrust(path: Path, facts: Facts) -> str:
    if path.name in checksums.published(facts.layout):
        return f"it is not Design-Bench's file; set another mirror in {VARIABLE}, or {IMPORT}"
    return f"if you trust the new file, remove its line from {path.parent / checksums.NAME}"


def _download(url: str, part: Part, bar: Any, most: int) -> None:
    """Download one file, with retries; a partial file is kept."""
    import requests

    for pause in (*PAUSES, None):
        try:
            part.download(url, bar, most)
            return
        except KeyboardInterrupt:
            part.keep()
            raise
        except requests.RequestException as error:
            status = None if error.response is None else int(error.response.status_code)
            lasting = isinstance(error, requests.TooManyRedirects)
            if pause is None or lasting or status not in {None, *PASSING}:
                part.keep()
                raise TaskError(f"{url} cannot be fetched: {_reason(error, status)}", _hint(status)) from error
            sleep(pause)


def _reason(error: Exception, status: int | None) -> str:
    import requests

    if status is not None and not isinstance(error, requests.TooManyRedirects):
        return f"the server answered {status}"
    return f"no answer in time ({error})" if isinstance(error, requests.Timeout) else str(error)


def _hint(status: int | None) -> str:
    if status == 404:
        return f"set another mirror in {VARIABLE}, or {IMPORT}"
    return f"run the command again to resume, or {IMPORT}"
