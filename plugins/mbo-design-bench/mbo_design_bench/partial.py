"""A resumable download: a partial file is kept, and the next request asks for the rest.

This needs a server that gives the version of the file as a strong entity tag and sends the rest of that version
(RFC 9110, sections 8.8.3, 13.1.5 and 14.2). Otherwise the download restarts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from mbo_core.errors import TaskError

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""

CHUNK = 1 << 16
"""The most bytes of one read."""

SLOWEST = 1_000
"""A server that sends fewer bytes per second, on average, does not answer in time."""

INSECURE = "MBO_DATA_INSECURE"
"""The variable that allows http://."""

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

    def download(self, url: str, bar: Any, most: int) -> None:
        """Download the file, or the missing rest.

        Args:
            url: the address.
            bar: shows the progress, in tqdm's interface, or None.
            most: the largest size that the file can have, in bytes.

        Raises:
            TaskError: for a larger file, or a redirect to an address that is not trusted.
            requests.RequestException: if the server fails, or the connection does.
            OSError: if the disk is full.
        """
        import requests

        with ExitStack() as answers, open(self.path, "ab") as file:
            answer = requests.get(
                url,
                stream=True,
                timeout=TIMEOUT,
                headers=self._wish(file),
                hooks={"response": partial(self._answered, file, answers)},
            )
            answer.raise_for_status()
            length = answer.headers.get("Content-Length", "")
            size = int(length) if length.isdecimal() else 0
            _refuse_large(url, file.tell() + size, most)
            for piece in _pieces(answer, bar, size):
                file.write(piece)
                file.flush()
                _refuse_large(url, file.tell(), most)

    def _wish(self, file: IO[bytes]) -> dict[str, str]:
        # Compressed bytes cannot be told from the file's own.
        wish = {"Accept-Encoding": "identity"}
        if file.tell() and _tag(self.path).exists():
            wish |= {"Range": f"bytes={file.tell()}-", "If-Range": _tag(self.path).read_text("ascii")}
        return wish

    def _answered(self, file: IO[bytes], answers: ExitStack, response: Any, **_: Any) -> None:
        """Restart, unless the server sends the rest."""
        answers.push(response)
        if response.is_redirect:
            trust(urljoin(response.url, response.headers["Location"]), f"{response.url} redirects to ")
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


def _pieces(answer: Any, bar: Any, size: int) -> Iterator[bytes]:
    """The content as it comes, so that no slow server holds it back until a block is full."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    if bar:
        bar.total = size
    begun, received = time.monotonic(), 0
    try:
        while piece := answer.raw.read1(CHUNK, decode_content=True):
            yield piece
            received += len(piece)
            if bar:
                bar.update(len(piece))
            spent = time.monotonic() - begun
            if spent > TIMEOUT[1] and received < SLOWEST * spent:
                raise requests.Timeout(f"{received} bytes in {spent:.0f} s")
    except ReadTimeoutError as error:
        raise requests.Timeout(error) from error
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    if bar:
        bar.close()


def trust(url: str, before: str = "") -> None:
    """Refuse an address that others could answer in the server's place.

    Args:
        url: the address.
        before: what the message says before it.

    Raises:
        TaskError: unless it starts with https://, is on this machine, or was asked for by `MBO_DATA_INSECURE=1`.
    """
    parts = urlsplit(url)
    here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    asked = os.environ.get(INSECURE) == "1"
    if parts.scheme == "https" or (parts.scheme == "http" and (here or asked)):
        return
    raise TaskError(f"{before}{url}, which is not encrypted", f"use https://, or set {INSECURE}=1 for http://")


def _refuse_large(url: str, size: int, most: int) -> None:
    if size > most:
        fact = f"{url} has {size} bytes or more; the task's data have at most {most}"
        raise TaskError(fact, "it is not the file of this task: set another mirror")


def _tag(path: Path) -> Path:
    """The file with the entity tag of a partial file's version."""
    return path.with_name(f"{path.name}.tag")
