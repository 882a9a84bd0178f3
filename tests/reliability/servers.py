"""Servers that lie: each answer of a mirror is refused with a reason, or the right file arrives in the end."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from mbo_design_bench import facts, mirror, partial, shards
from mbo_design_bench.layout import Layout
from tally import Tally, main

from mbo_core.tasks import Space

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
FACTS = replace(
    facts.GFP,
    layout=Layout("gfp", "gfp", 1, Space.discrete(5, 20)),
    rows=12,
    limit=None,
    percentiles=(0, 50),
    y_min=0.0,
    y_max=11.0,
    archive=None,
)
REFUSED, EITHER = ("refused",), ("refused", "fine")


def sent(
    status: int = 200, body: Callable[[bytes], bytes] = bytes, pause: float = 0.0, **headers: str | None
) -> Answer:
    """Send a status, headers (None for none) and what `body` makes of the file; `pause` seconds between bytes."""

    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        content = body(content)
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            if value is not None:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        for place in range(0, len(content), 1 if pause else len(content)):
            handler.wfile.write(content[place : place + 1] if pause else content)
            time.sleep(pause)

    return answer


def closed(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Hang up without an answer."""
    handler.close_connection = True


def noise(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Answer in another protocol."""
    handler.wfile.write(b"\x15\x03\x01\x00\x02\x02\x16 not HTTP at all\r\n\r\n")


def long(content: bytes) -> bytes:
    """Far more than the file."""
    return content + bytes(5_000_000)


ANSWERS: dict[str, tuple[Answer, tuple[str, ...]]] = {
    "honest": (sent(), ("fine",)),
    "short body": (sent(body=lambda one: one[:-9], Content_Length="1000"), REFUSED),
    "shorter than it was": (sent(body=lambda one: one[:-9]), REFUSED),
    "too long": (sent(body=long), REFUSED),
    "too long, no length": (sent(body=long, Content_Length=None), REFUSED),
    "length of 10**30": (sent(Content_Length=str(10**30)), REFUSED),
    "length is a word": (sent(Content_Length="many"), EITHER),
    "negative length": (sent(Content_Length="-5"), EITHER),
    "empty": (sent(body=lambda one: b""), REFUSED),
    "a page": (sent(body=lambda one: b"<html>sign in</html>"), REFUSED),
    "a pickle": (sent(body=lambda one: b"\x80\x04cos\nsystem\n"), REFUSED),
    "tokens out of range": (sent(body=lambda one: one[:-4] + b"\x63\0\0\0"), REFUSED),
    "redirect to http": (sent(302, Location="http://example.invalid/x"), REFUSED),
    "redirect to a file": (sent(302, Location="file:///etc/passwd"), REFUSED),
    "redirect loop": (sent(302, Location="/gfp/gfp-x-0.npy"), REFUSED),
    "redirect to nowhere": (sent(302, Location=""), EITHER),
    "redirect without a place": (sent(302), EITHER),
    "a rest that nobody asked for": (sent(206, Content_Range="bytes 5-9/10"), REFUSED),
    "gzip that is none": (sent(Content_Encoding="gzip"), REFUSED),
    "slow": (sent(pause=0.05), REFUSED),
    "hangs up": (closed, REFUSED),
    "not HTTP": (noise, REFUSED),
    "500 for ever": (sent(500), REFUSED),
    "404": (sent(404), REFUSED),
}


def trials(count: int) -> Tally:
    """Fetch from the first `count` servers."""
    found = Tally()
    for name, (answer, allowed) in list(ANSWERS.items())[:count]:
        with tempfile.TemporaryDirectory() as home, served(answer, Path(home, "given")):
            found.case(name, lambda home=home: _fetch(Path(home)), allowed)  # type: ignore[misc]
    return found


def _fetch(home: Path) -> None:
    mirror.fetch(FACTS, home / "got")
    for name in FACTS.layout.files():
        same = (home / "got" / "gfp" / name).read_bytes() == (home / "given" / "gfp" / name).read_bytes()
        assert same, "another file arrived"


@contextmanager
def served(answer: Answer, folder: Path) -> Iterator[None]:
    """A server of the small data set that answers so for x, and honestly for y."""
    shards.write(folder / "gfp", FACTS.layout, np.random.default_rng(0).integers(0, 20, (12, 5)), np.arange(12.0))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = (folder / "gfp" / Path(self.path).name).read_bytes()
            (answer if "-x-" in self.path else sent())(self, content)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        changed = {"MBO_DATA_URL": f"http://127.0.0.1:{server.server_port}", "NO_PROXY": "127.0.0.1"}
        before = {name: os.environ.get(name) for name in changed}
        pauses, timeout = mirror.PAUSES, partial.TIMEOUT
        os.environ.update(changed)
        mirror.PAUSES, partial.TIMEOUT = (0.0, 0.0), (5.0, 0.5)
        try:
            yield
        finally:
            mirror.PAUSES, partial.TIMEOUT = pauses, timeout
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            server.shutdown()


if __name__ == "__main__":
    main(trials, small=len(ANSWERS), full=len(ANSWERS))
