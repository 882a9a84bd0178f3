"""A download that may be cut: what came of a file is kept, and the next request asks for the rest.

That is done only where the server names the version of the file by a strong entity tag and sends the rest of that very
version (RFC 9110, sections 8.8.3, 13.1.5 and 14.2). Else the file begins anew.
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
"""So many bytes are written at once; what came after the last of them is lost with a connection."""

WHOLE, REST, NO_SUCH_REST = 200, 206, 416
"""What a server answers when it sends the file, the rest of it, or knows no such rest."""


@dataclass(frozen=True)
class Part:
    """What there is of a file, in the hands of this process alone.

    Attributes:
        path: while it arrives; the name has the process's number.
        kept: where it waits for the next fetch.
    """

    path: Path
    kept: Path

    @classmethod
    def of(cls, file: Path) -> Part:
        """The part of a file that is to be at `file`, taken from where an earlier fetch kept it."""
        part = cls(file.with_name(f".{file.name}.{os.getpid()}.part"), file.with_name(f".{file.name}.part"))
        with suppress(FileNotFoundError):
            os.replace(_tag(part.kept), _tag(part.path))
            os.replace(part.kept, part.path)
        return part

    def keep(self) -> None:
        """Leave it for the next fetch, where that could go on with it."""
        if _tag(self.path).exists() and self.path.stat().st_size:
            os.replace(self.path, self.kept)
            os.replace(_tag(self.path), _tag(self.kept))

    def drop(self) -> None:
        """Remove it."""
        for path in (self.path, _tag(self.path)):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def download(self, url: str, bar: Any) -> None:
        """Fetch the file, or what is missing of it.

        Raises:
            requests.RequestException: if the server fails, or the connection does.
            OSError: if the disk is full.
        """
        import pooch

        # Pooch leaves open what fails.
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
        # Compressed bytes could not be told from a file's own.
        wish = {"Accept-Encoding": "identity"}
        if file.tell() and _tag(self.path).exists():
            wish |= {"Range": f"bytes={file.tell()}-", "If-Range": _tag(self.path).read_text("ascii")}
        return wish

    def _answered(self, file: IO[bytes], answers: ExitStack, response: Any, **_: Any) -> None:
        """Begin anew, unless the rest comes."""
        answers.push(response)
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {file.tell()}-")
        if response.status_code == NO_SUCH_REST or (response.status_code == REST and not begins):
            _tag(self.path).unlink(missing_ok=True)
            response.status_code = NO_SUCH_REST  # of what was wished for, this is no answer
        elif response.status_code == WHOLE:
            if file.tell():
                file.truncate(0)
            _tag(self.path).unlink(missing_ok=True)
            tag = response.headers.get("ETag", "")
            if tag.startswith('"') and tag.isascii():
                _tag(self.path).write_text(tag, "ascii")


def _tag(path: Path) -> Path:
    """Where the entity tag of the version stands of which a file is a part."""
    return path.with_name(f"{path.name}.tag")
