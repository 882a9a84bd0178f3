from __future__ import annotations

import json

import mbo_design_bench
import numpy as np
import pytest
from click.testing import CliRunner, Result
from mbo_design_bench import checksums, facts, mirror, rows, sequences
from mbo_design_bench.layout import Archive

from mbo_core.cli import main
from mbo_core.errors import TaskError

NAME = "GFP-Transformer-v0"


def mbo(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def archive(tmp_path, small, monkeypatch):
    """An archive that may stand for the small task's shards."""
    path = tmp_path / "given" / "gfp.npz"
    path.parent.mkdir(exist_ok=True)
    x, y = np.ones((2, 5), np.int8), np.array([0, 11], np.float32)
    np.savez(path, x=x, y=y)
    known = Archive("gfp.npz", rows.data.fingerprint({"x": x, "y": y}))
    object.__setattr__(small, "archive", known)
    return path


def test_it_is_a_command_of_mbo():
    done = CliRunner().invoke(main, ["--help"])
    assert "data " in done.output
    assert set(mbo("--help").output.split()) >= {"list", "fetch", "verify", "path"}


def test_list_shows_status_and_commands(small, folder, empty):
    found = {row["task"]: row for row in json.loads(mbo("list", "--json").stdout)["data"]}
    assert found[NAME]["state"] == "missing"
    assert found[NAME]["get"] == f"mbo data fetch {NAME}"
    assert found[facts.CHEMBL.name]["get"].endswith("--from DIR")
    assert found["TFBind8-Exact-v0"]["state"] == "in the package"
    (folder / "gfp-x-0.npy").rename(folder / "kept")
    folder.rename(empty / "gfp")
    assert "5 of 6" in mbo("list").stdout
    (empty / "gfp" / "kept").rename(empty / "gfp" / "gfp-x-0.npy")
    [row] = [row for row in json.loads(mbo("list", "--json").stdout)["data"] if row["task"] == NAME]
    assert (row["state"], row["files"], row["where"]) == ("ready", "6 of 6", str(empty / "gfp"))


@pytest.mark.parametrize("given", ["given", "given/gfp"])
def test_shards_are_imported(small, folder, empty, given):
    done = mbo("fetch", NAME, "--from", folder.parent.parent / given)
    assert done.exit_code == 0, done.output
    assert "ready, 6 files written" in done.stdout
    assert names(empty) == sorted(["gfp/SHA256SUMS", *(f"gfp/{name}" for name in small.layout.files())])
    assert len(checksums.recorded(empty / "gfp")) == 6
    assert mbo("verify").exit_code == 0


@pytest.mark.parametrize("given", ["given", "given/gfp.npz"])
def test_an_archive_is_imported(archive, empty, given):
    done = mbo("fetch", NAME, "--from", archive.parent.parent / given, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["written"] == 1
    assert names(empty) == ["SHA256SUMS", "gfp.npz"]


def test_nothing_is_written_of_damaged_files(small, folder, empty):
    np.save(folder / "gfp-y-2.npy", np.full((4, 1), np.nan, np.float32))
    done = mbo("fetch", NAME, "--from", folder)
    assert done.exit_code == 1
    assert "gfp-y-2.npy: row 0 has nan" in done.stderr
    assert names(empty) == []


def test_an_import_names_what_it_looked_for(small, tmp_path, empty):
    done = mbo("fetch", NAME, "--from", tmp_path / "nowhere")
    assert done.exit_code == 1
    assert "holds no gfp/gfp-x-0.npy, no gfp-x-0.npy, no gfp.npz" in done.stderr


def test_fetch_says_what_it_does(small, folder, empty, monkeypatch):
    def fetch(known, root, bar):
        bar("gfp/gfp-x-0.npy", 1, 6)
        folder.rename(root / "gfp")
        return 6

    monkeypatch.setattr(mirror, "fetch", fetch)
    done = mbo("fetch", NAME)
    assert done.stdout == f"{NAME}: ready, 6 files written, {empty / 'gfp'}\n"
    assert done.stderr == "1 of 6: gfp/gfp-x-0.npy\n"


def test_what_is_in_the_package_is_not_fetched(small, empty):
    done = mbo("fetch", "TFBind8-Exact-v0")
    assert (done.exit_code, names(empty)) == (0, [])
    assert "in the package" in done.stdout


def test_verify_finds_what_changed(small, folder, empty):
    mbo("fetch", NAME, "--from", folder)
    assert json.loads(mbo("verify", NAME, "--json").stdout)["verified"] == [
        {"task": NAME, "rows": 12, "checksums": "6 of 6", "fault": ""}
    ]
    np.save(empty / "gfp" / "gfp-y-0.npy", np.zeros((4, 1), np.float32))
    done = mbo("verify", "--json")
    assert done.exit_code == 1
    assert "gfp-y-0.npy changed" in json.loads(done.stdout)["verified"][0]["fault"]
    assert f"invalid data: {NAME}" in done.stderr


def test_verify_of_nothing(small, empty):
    assert mbo("verify").exit_code == 0
    done = mbo("verify", NAME)
    assert done.exit_code == 1
    assert "is missing from" in done.stdout


def test_path_tells_where_data_are_or_will_be(small, folder, empty):
    assert mbo("path").stdout.strip() == str(empty)
    assert json.loads(mbo("path", NAME, "--json").stdout) == {"path": str(empty / "gfp"), "exists": False}
    folder.rename(empty / "gfp")
    assert mbo("path", NAME).stdout.strip() == str(empty / "gfp")


def test_unreadable_folder_is_reported_and_others_listed(small, folder, empty, locked):
    folder.rename(empty / "gfp")
    offers = mbo_design_bench.mbo_tasks()
    with locked(empty):
        assert {offer.name for offer in mbo_design_bench.mbo_tasks()} == {offer.name for offer in offers}
        listed, verified, path = mbo("list", "--json"), mbo("verify", NAME), mbo("path", NAME)
        offer = sequences.offer(small, small)
        unready = offer.unready()
        with pytest.raises(TaskError, match="Permission denied"):
            offer.load()
    found = {row["task"]: row for row in json.loads(listed.stdout)["data"]}
    fault = f"{empty / 'gfp' / 'gfp-x-0.npy'} cannot be read: Permission denied"
    assert (found[NAME]["state"], found[NAME]["get"]) == ("unreadable", fault)
    assert found["TFBind8-Exact-v0"]["state"] == "in the package"
    assert unready == fault
    for done in (verified, path):
        assert done.exit_code == 1
        assert "Permission denied" in " ".join(done.output.split())  # a long path folds the table's cells
        assert "Traceback" not in done.output


@pytest.mark.parametrize("command", ["fetch", "verify", "path"])
def test_a_mistyped_task_gets_the_nearest(small, command):
    done = mbo(command, "GFP-Transfomer-v0")
    assert done.exit_code == 2
    assert f'did you mean "{NAME}"?' in done.stderr
