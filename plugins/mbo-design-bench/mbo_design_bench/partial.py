"""A resumable download: a partial file is kept, and the next request asks for the rest.

This needs a server that gives the version of the file as a strong entity tag and sends the rest of that version
(RFC 9110, sections 8.8.3, 13.1.5 and 14.2). Otherwise the download restarts.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""

CHUNK = 1 << 16
"""Bytes per write; bytes received after the last write are lost with the connection."""

WHOLE, REST, NO_SUCH_REST = 200, 206, 416
"""Status codes for the whole file, for its rest, and for an invalid range."""


@dataclass(frozen=True)
class Part:
    """A partial file, owned by this process.

    Attributes:
        path: during the download; the name has the process id.
        kept: between downloads.
    """

    path: Path
    kept: Path

    @classmethod
    def of(cls, file: Path) -> Part:
        """The partial file for `file`, kept from an earlier download."""
        part = cls(file.with_name(f".{file.name}.{os.getpid()}.part"), file.with_name(f".{file.name}.part"))
        with suppress(FileNotFoundError):
            os.replace(_tag(part.kept), _tag(part.path))
            os.replace(part.kept, part.path)
        return part

    def keep(self) -> None:
        """Keep it for the next download, if that can resume."""
        if _tag(self.path).exists() and self.path.stat().st_size:
            os.replace(self.path, self.kept)
            os.replace(_tag(self.path), _tag(self.kept))

    def drop(self) -> None:
        """Remove it."""
        for path in (self.path, _tag(self.path)):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def download(self, url: str, bar: Any) -> None:
        """Download the file, or the missing rest.

        Raises:
            requests.RequestException: if the server fails, or the connection does.
            OSError: if the disk is full.
        """
        import pooch

        # Pooch leaves failed files open.
        with ExitStack() as answers, open(self.path, "ab") as file:
            downloader = pooch.HTTPDownloader(
                progressbar=bar or False,
                chunk_size=CHUNK,
                timeout=TIMEOUT,
                headers=self._wish(file),
                hooks={"response": partial(self._answered, file, answers)},
            )
            downloader(url, file, None)

    def _wish(self, file: IO[bytes]) -> dict[str, str]:
        # Compressed bytes cannot be told from the file's own.
        wish = {"Accept-Encoding": "identity"}
        if file.tell() and _tag(self.path).exists():
            wish |= {"Range": f"bytes={file.tell()}-", "If-Range": _tag(self.path).read_text("ascii")}
        return wish

    def _answered(self, file: IO[bytes], answers: ExitStack, response: Any, **_: Any) -> None:
        """Restart, unless the server sends the rest."""
        answers.push(response)
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {file.tell()}-")
        if response.status_code == NO_SUCH_REST or (response.status_code == REST and not begins):
            _tag(self.path).unlink(missing_ok=True)
            response.status_code = NO_SUCH_REST  # not the requested range
        elif response.status_code == WHOLE:
            if file.tell():
                file.truncate(0)
            _tag(self.path).unlink(missing_ok=True)
            tag = response.headers.get("ETag", "")
            if tag.startswith('"') and tag.isascii():
                _tag(self.path).write_text(tag, "ascii")


def _tag(path: Path) -> Path:
    """The file with the entity tag of a partial file's version."""
    return path.with_name(f"{path.name}.tag")
