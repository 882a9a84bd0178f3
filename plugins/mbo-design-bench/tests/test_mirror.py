from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from mbo_design_bench import checksums, mirror, partial, rows, shards
from mbo_design_bench.facts import CHEMBL

from mbo_core.errors import StoreError, TaskError


@dataclass
class Mirror:
    """A server of a folder, with faults: a list of them by file, each used once.

    With a tag it names the version of its files, and sends the rest of one that is asked for.
    """

    folder: Path
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tag: str | None = None
    ranges: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.removeprefix("/main/gfp/")
        self.asked.append(name)
        faults = self.faults.get(name, [])
        fault, content = (faults.pop(0) if faults else "none"), (self.folder / name).read_bytes()
        if fault == "slow":
            time.sleep(0.6)
        self.ranges.append(handler.headers["Range"])
        if fault.startswith(("http", "/")):
            handler.send_response(302)
            handler.send_header("Location", fault)
            handler.end_headers()
            return
        status, start = (int(fault) if fault.isdigit() else 200), 0
        if status == 200 and handler.headers["Range"] and handler.headers["If-Range"] == self.tag:
            status, start = 206, int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            start += 5 * (fault == "elsewhere")
        content += bytes(2_000_000 if fault.startswith("long") else 0)
        whole, content = len(content), content[start:]
        self.sent.append(status)
        handler.send_response(status)
        if self.tag:
            handler.send_header("ETag", self.tag)
        if status == 206:
            handler.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if "no length" not in fault:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for place in range(0, len(content) if fault == "drip" else 0, 4):
            handler.wfile.write(content[place : place + 4])
            time.sleep(0.05)
        if fault == "drip":
            return
        handler.wfile.write(content[:-9] if fault in {"cut", "no length"} else content)


@pytest.fixture
def server(folder, monkeypatch):
    served = Mirror(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # the client hung up, as the slow test has it

    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("MBO_DATA_URL", f"http://127.0.0.1:{running.server_port}/main/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(mirror, "PAUSES", (0.0, 0.0))
        monkeypatch.setattr(partial, "TIMEOUT", (5.0, 0.2))
        monkeypatch.setattr(partial, "CHUNK", 16)
        yield served
        running.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def names(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file()}


def test_all_files_arrive_with_their_checksums(small, server, folder, home):
    assert mirror.fetch(small, home) == 6
    assert names(home) == {*small.layout.files(), "SHA256SUMS"}
    assert all((home / "gfp" / name).read_bytes() == (folder / name).read_bytes() for name in small.layout.files())
    known = checksums.recorded(home / "gfp")
    assert known == {name: checksums.sha256(folder / name) for name in small.layout.files()}
    assert np.array_equal(rows.from_folder(home / "gfp", small)[1], np.arange(12))


def test_what_is_there_is_not_fetched_again(small, server, home):
    mirror.fetch(small, home)
    server.asked.clear()
    (home / "gfp" / "gfp-y-1.npy").unlink()
    assert mirror.fetch(small, home) == 1
    assert server.asked == ["gfp-y-1.npy"]


def test_progress_tells_of_each_file(small, server, home):
    told = []
    mirror.fetch(small, home, lambda *line: told.append(line))
    assert told[0] == ("gfp/gfp-x-0.npy", 1, 6)
    assert len(told) == 6


def test_a_download_drives_the_bar(small, server, home):
    from mbo_design_bench.commands import FileBar
    from rich.progress import Progress

    progress = Progress(disable=True)
    mirror.fetch(small, home, lambda name, *_: FileBar(progress, name))
    assert [task.completed for task in progress.tasks] == [task.total for task in progress.tasks]
    assert progress.tasks[0].total == (home / "gfp" / "gfp-x-0.npy").stat().st_size


@pytest.mark.parametrize("fault", ["500", "503", "429", "slow", "cut", "408"])
def test_a_passing_fault_is_overcome(small, server, home, fault):
    server.faults["gfp-x-1.npy"] = [fault]
    assert mirror.fetch(small, home) == 6
    assert server.asked.count("gfp-x-1.npy") == 2


LASTING = {
    "404": ("the server answered 404", 1, "set another mirror in MBO_DATA_URL"),
    "403": ("the server answered 403", 1, "run the command again"),
    "503": ("the server answered 503", 3, "run the command again"),
    "slow": ("no answer in time", 3, "run the command again"),
    "cut": ("gfp-x-1.npy cannot be fetched: .*IncompleteRead", 3, "run the command again"),
    "drip": (r"no answer in time \(\d+ bytes in 0 s\)", 3, "run the command again"),
    "long": (r"gfp-x-1.npy has 2000\d+ bytes or more; the task's data have at most 4336", 1, "set another mirror"),
    "long, no length": ("gfp-x-1.npy has 43.. bytes or more; the task's data have at most 4336", 1, "another mirror"),
    "http://example.invalid/x": (
        "gfp-x-1.npy redirects to http://example.invalid/x, which is not encrypted",
        1,
        "use https://",
    ),
    "/main/gfp/gfp-x-1.npy": ("gfp-x-1.npy cannot be fetched: Exceeded 30 redirects", 31, "run the command again"),
    "no length": ("gfp-x-1.npy is damaged: it has 71 bytes of numbers, and its header says 80", 1, "run the command"),
}


@pytest.mark.parametrize(("fault", "message", "attempts", "hint"), [(k, *v) for k, v in LASTING.items()], ids=LASTING)
def test_next_fetch_resumes_after_a_lasting_fault(small, server, home, fault, message, attempts, hint):
    server.faults["gfp-x-1.npy"] = [fault] * attempts
    with pytest.raises(TaskError, match=message) as raised:
        mirror.fetch(small, home)
    assert hint in raised.value.hint
    assert names(home) == {"gfp-x-0.npy", "gfp-y-0.npy", "SHA256SUMS"}
    assert server.asked.count("gfp-x-1.npy") == attempts
    assert mirror.fetch(small, home) == 4


def test_an_interruption_leaves_whole_files(small, server, home, monkeypatch):
    check = shards.check

    def interrupted(path, layout, name=None, origin=None):
        if name == "gfp-x-1.npy":
            raise KeyboardInterrupt
        return check(path, layout, name, origin)

    monkeypatch.setattr(shards, "check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mirror.fetch(small, home)
    assert names(home) == {"gfp-x-0.npy", "gfp-y-0.npy", "SHA256SUMS"}
    monkeypatch.setattr(shards, "check", check)
    assert mirror.fetch(small, home) == 4


def test_only_the_missing_rest_is_requested(small, server, folder, home):
    server.tag, server.faults["gfp-x-1.npy"] = '"v1"', ["cut"]
    assert mirror.fetch(small, home) == 6
    whole = (folder / "gfp-x-1.npy").read_bytes()
    assert [one for one in server.ranges if one] == [f"bytes={len(whole) - 9}-"]
    assert server.sent.count(206) == 1
    assert (home / "gfp" / "gfp-x-1.npy").read_bytes() == whole
    assert names(home) == {*small.layout.files(), "SHA256SUMS"}


@pytest.mark.parametrize(("later", "faults", "asked"), [('"a"', [], 1), ('"b"', [], 1), ('"a"', ["416"], 2)])
def test_next_fetch_reuses_a_failed_one(small, server, folder, home, later, faults, asked):
    server.tag, server.faults["gfp-x-1.npy"] = '"a"', ["cut"] * 3
    with pytest.raises(TaskError, match="cannot be fetched"):
        mirror.fetch(small, home)
    assert ".gfp-x-1.npy.part" in names(home)
    server.asked.clear()
    server.tag, server.faults["gfp-x-1.npy"] = later, faults
    if later != '"a"':
        np.save(folder / "gfp-x-1.npy", np.load(folder / "gfp-x-1.npy")[::-1])
    assert mirror.fetch(small, home) == 4
    assert server.asked.count("gfp-x-1.npy") == asked
    assert server.ranges[-4 - asked + 1] is not None
    assert (home / "gfp" / "gfp-x-1.npy").read_bytes() == (folder / "gfp-x-1.npy").read_bytes()
    assert names(home) == {*small.layout.files(), "SHA256SUMS"}


@pytest.mark.parametrize(
    ("tag", "faults", "asked"), [('W/"a"', ["cut"], 0), (None, ["cut"], 0), ('"a"', ["cut", "elsewhere"], 1)]
)
def test_rest_of_another_version_is_not_used(small, server, folder, home, tag, faults, asked):
    server.tag, server.faults["gfp-x-1.npy"] = tag, faults
    assert mirror.fetch(small, home) == 6
    assert len([one for one in server.ranges if one]) == asked
    assert (home / "gfp" / "gfp-x-1.npy").read_bytes() == (folder / "gfp-x-1.npy").read_bytes()
    assert names(home) == {*small.layout.files(), "SHA256SUMS"}


def test_an_interruption_keeps_what_came(small, server, folder, home):
    class Impatient:
        total = 0

        def update(self, _: int) -> None:
            raise KeyboardInterrupt

    server.tag = '"a"'
    with pytest.raises(KeyboardInterrupt):
        mirror.fetch(small, home, lambda *_: Impatient())
    assert (home / "gfp" / ".gfp-x-0.npy.part").read_bytes() == (folder / "gfp-x-0.npy").read_bytes()[:16]
    assert mirror.fetch(small, home) == 6
    assert server.ranges[1] == "bytes=16-"
    assert (home / "gfp" / "gfp-x-0.npy").read_bytes() == (folder / "gfp-x-0.npy").read_bytes()


def test_what_the_mirror_changed_is_refused(small, server, folder, home):
    mirror.fetch(small, home)
    (home / "gfp" / "gfp-y-0.npy").unlink()
    np.save(folder / "gfp-y-0.npy", np.ones((4, 1), np.float32))
    with pytest.raises(TaskError, match=r"gfp-y-0.npy changed since the first fetch"):
        mirror.fetch(small, home)
    assert not (home / "gfp" / "gfp-y-0.npy").exists()


def test_what_changed_on_disk_is_refused(small, server, home):
    mirror.fetch(small, home)
    np.save(home / "gfp" / "gfp-y-0.npy", np.ones((4, 1), np.float32))
    for look in (lambda: mirror.fetch(small, home), lambda: rows.from_folder(home / "gfp", small)):
        with pytest.raises(TaskError, match=r"gfp-y-0.npy changed since it arrived"):
            look()


def test_files_placed_by_hand_are_checked_and_kept(small, server, folder, home):
    (home / "gfp").mkdir(parents=True)
    (home / "gfp" / "gfp-x-0.npy").write_bytes((folder / "gfp-x-0.npy").read_bytes())
    assert mirror.fetch(small, home) == 5
    assert len(checksums.recorded(home / "gfp")) == 6
    (home / "gfp" / "gfp-x-1.npy").write_bytes(b"damaged")
    (home / "gfp" / checksums.NAME).unlink()
    with pytest.raises(TaskError, match=r"gfp-x-1.npy is not an .npy file"):
        mirror.fetch(small, home)


def test_a_full_disk_is_an_error(small, server, home, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 7)
    (home / "gfp").mkdir(parents=True)
    (home / "gfp" / ".gfp-x-0.npy.7.part").symlink_to("/dev/full")
    with pytest.raises(StoreError, match=r"gfp-x-0.npy: No space left on device") as raised:
        mirror.fetch(small, home)
    assert "MBO_DATA_DIR" in raised.value.hint
    assert names(home) == set()


def test_unwritable_folder_is_an_error(small, server, home):
    home.write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"cannot write .*gfp-x-0.npy: Not a directory"):
        mirror.fetch(small, home)


def test_a_damaged_record_is_an_error(small, server, home):
    mirror.fetch(small, home)
    (home / "gfp" / checksums.NAME).write_text("abc\n")
    with pytest.raises(TaskError, match="SHA256SUMS: line 1 is not a checksum"):
        mirror.fetch(small, home)


def test_no_server_is_an_error(small, home, monkeypatch):
    monkeypatch.setattr(mirror, "PAUSES", ())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MBO_DATA_URL", "http://127.0.0.1:9/main")
    with pytest.raises(TaskError, match=r"cannot be fetched: .*refused"):
        mirror.fetch(small, home)


@pytest.mark.parametrize("insecure", ["", "0", "false", "1"])
def test_unencrypted_addresses_have_to_be_asked_for(monkeypatch, insecure):
    monkeypatch.setenv("MBO_DATA_URL", "http://example.invalid/main")
    monkeypatch.setenv("MBO_DATA_INSECURE", insecure)
    if insecure == "1":
        assert mirror.base() == "http://example.invalid/main"
        return
    with pytest.raises(TaskError, match=r"MBO_DATA_URL is http://example\.invalid/main, which is not encrypted"):
        mirror.base()


@pytest.mark.parametrize("url", ["http://x.invalid", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://127.0.0.1.x/"])
def test_a_redirect_stays_encrypted(url):
    with pytest.raises(TaskError, match=r"https://mirror redirects to .*, which is not encrypted"):
        partial.trust(url, "https://mirror redirects to ")
    partial.trust(url.replace(url.partition(":")[0], "https", 1))


def test_all_of_a_tasks_files_fit(small, folder):
    for name in small.layout.files():
        assert (folder / name).stat().st_size <= mirror.most_bytes(small, name)


def test_the_address(monkeypatch):
    monkeypatch.delenv("MBO_DATA_URL", raising=False)
    assert mirror.base() == "https://huggingface.co/datasets/beckhamc/design_bench_data/resolve/main"
    monkeypatch.setenv("MBO_DATA_URL", "file:///etc")
    with pytest.raises(TaskError, match="not a URL"):
        mirror.base()


def test_unmirrored_data_are_not_requested(home):
    with pytest.raises(TaskError, match="the mirror lacks") as raised:
        mirror.fetch(CHEMBL, home)
    assert "--from DIR" in raised.value.hint
