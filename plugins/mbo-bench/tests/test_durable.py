"""Claims and the ledger: each survives processes that die at any moment."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from mbo_bench.durable import claims
from mbo_bench.durable.folder import Bench
from mbo_bench.durable.ledger import Ledger, last_outcomes

from mbo_core.errors import StoreError


def test_a_claim_is_exclusive(tmp_path):
    first = claims.take(tmp_path, "a")
    assert claims.take(tmp_path, "a") is None
    assert claims.all_held(tmp_path) == {"a"}
    first.release()
    assert claims.all_held(tmp_path) == set()
    assert claims.take(tmp_path, "a")


def test_one_of_many_gets_a_claim(tmp_path):
    with ThreadPoolExecutor(16) as threads:
        for name in map(str, range(20)):
            taken = list(threads.map(lambda _, name=name: claims.take(tmp_path, name), range(16)))
            assert sum(one is not None for one in taken) == 1


def dead_claim(folder, name):
    """A claim of a process that has ended without releasing it."""
    child = os.fork()
    if child == 0:
        claims.take(folder, name)
        os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_dead_claim_is_taken_over_once(tmp_path):
    dead_claim(tmp_path, "a")
    assert not claims.held(tmp_path, "a")
    with ThreadPoolExecutor(8) as threads:
        taken = [one for one in threads.map(lambda _: claims.take(tmp_path, "a"), range(8)) if one]
    assert len(taken) == 1
    taken[0].release()
    assert list(tmp_path.iterdir()) == []


def test_a_silent_claim_is_taken_over(tmp_path):
    """That of another machine, whose processes cannot be seen."""
    held = claims.take(tmp_path, "a")
    text = held.path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1').replace('"host": "', '"host": "far')
    held.path.write_text(text)
    assert claims.take(tmp_path, "a") is None
    os.utime(held.path, (0, time.time() - claims.STALE - 5))
    assert claims.take(tmp_path, "a")


def test_a_kept_claim_beats(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.01)
    held, seen = claims.take(tmp_path, "a"), []
    os.utime(held.path, (0, 0))
    held.keep(lambda: seen.append(1))
    end = time.monotonic() + 10
    while not (held.path.stat().st_mtime and seen) and time.monotonic() < end:
        time.sleep(0.01)
    assert held.path.stat().st_mtime > 0
    held.release()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.jsonl")


def test_a_cut_line_is_tolerated_and_named(ledger):
    ledger.append("done", "a", seconds=1)
    ledger.append("done", "b", seconds=1)
    ledger.path.write_bytes(ledger.path.read_bytes()[:-9])
    again = Ledger(ledger.path)
    again.refresh()
    again.check_end()
    assert list(last_outcomes(again.events)) == ["a"]
    assert "the last line is cut" in again.damaged[0]


def test_a_line_after_a_cut_one_counts(ledger):
    ledger.append("done", "a")
    with ledger.path.open("ab") as file:
        file.write(b'{"event": "do')
    ledger.append("failed", "c")
    again = Ledger(ledger.path)
    assert [one["cell"] for one in again.refresh()] == ["a", "c"]
    assert again.damaged == [f"{ledger.path}:2: the line is damaged and does not count"]


def test_a_line_that_is_being_written_waits(ledger):
    ledger.append("done", "a")
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole[:-5])
    assert ledger.refresh() == []
    ledger.path.write_bytes(whole)
    assert [one["cell"] for one in ledger.refresh()] == ["a"]


def test_a_finished_cell_is_published_once(tmp_path):
    bench = Bench.create(tmp_path / "out")
    places = [bench.path / "attempts" / name for name in ("k.1", "k.2")]
    for place in places:
        place.mkdir()
        (place / "cell.json").write_text(place.name)
    assert [bench.publish(place, "k") for place in places] == [True, False]
    assert (bench.cell("k") / "cell.json").read_text() == "k.1"
    assert list((bench.path / "attempts").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is not a bench"), ('{"format": 99}', "has format 99"), ("[]", "has format None"), ("{", "is corrupt")],
)
def test_another_folder_is_refused(tmp_path, content, said):
    (tmp_path / ("other.txt" if content is None else "bench.json")).write_text(content or "")
    with pytest.raises(StoreError, match=said):
        Bench.create(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_half_made_folder_is_a_bench(tmp_path):
    (tmp_path / "grids").mkdir()
    assert Bench.create(tmp_path).expected() == []
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("")
    with pytest.raises(StoreError, match="exists and is not a bench"):
        Bench.create(tmp_path / "other")
