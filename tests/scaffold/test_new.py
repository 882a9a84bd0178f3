"""`mbo new` refuses what cannot be, writes whole or not at all, and its packages work as a stranger installs them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import blocks, named_files
from click.testing import CliRunner

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.scaffold import write
from mbo_core.scaffold.plan import Plan
from mbo_core.scaffold.write import create

TOP = Path(__file__).parents[2]
OURS = (TOP, TOP / "plugins/mbo-grad-ascent", TOP / "plugins/mbo-design-bench")


def called(*arguments: object):
    return CliRunner().invoke(main, ["new", *map(str, arguments)])


@pytest.mark.slow
def test_a_package_works_in_a_fresh_environment(bare, tmp_path):
    plan = Plan.of("far-sighted", ["proxy:far", "update:sighted"], task="Far-v0", tool=True)
    create(plan, tmp_path, mbo.installed())
    package = tmp_path / "mbo-far-sighted"
    python = environment(tmp_path / "venv", bare)
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *OURS, package)
    tested = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", package, cwd=tmp_path)
    assert " passed" in tested
    assert "failed" not in tested
    quick = ("--preset", "quick", "--set", "proxy.epochs=1", "--seeds", "2", "--json")
    for task in ("TFBind8-Exact-v0", "Far-v0"):
        ran = json.loads(run(python.parent / "mbo", "run", "far-sighted", "--task", task, *quick, cwd=tmp_path))
        assert ran["failed"] == {}
        assert ran["candidates"]["distinct"] > [64, 64]


@pytest.mark.slow
def test_a_method_is_written_in_ten_minutes(bare, tmp_path):
    """Every block of that section of the README, in its order."""
    python = environment(tmp_path / "venv", bare)
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *OURS)
    [new] = [line for text in blocks("console") for line in text.splitlines() if line.startswith("$ mbo new")]
    run(python.parent / "mbo", *shlex.split(new)[2:], cwd=tmp_path)
    for name, text in named_files().items():
        if "/" in name:
            assert (tmp_path / name).exists()
            (tmp_path / name).write_text(text)
    pip, test, check, start = (shlex.split(line) for line in blocks("sh")[2].splitlines())
    run(sys.executable, "-m", "pip", "--python", python, *pip[1:], "-q", cwd=tmp_path)
    assert " passed" in run(python, "-m", *test, "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert " 0 failed" in run(python.parent / check[0], *check[1:], cwd=tmp_path)
    ran = json.loads(run(python.parent / start[0], *start[1:], "--json", cwd=tmp_path))
    best = ran["scores"]["normalised"]["100th"]
    assert min(best) > ran["best_in_data"]["normalised"]


def environment(folder: Path, bare: Path) -> Path:
    """A virtual environment that sees what is not ours, and its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{bare}\n")
    return folder / "bin" / "python"


def run(*command: object, cwd: Path | None = None) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["timer"], '"timer": already used by the plugin of mbo-timer'),
        (["grad-ascent-min"], "already used by the method of mbo-grad-ascent"),
        (["conservative"], "already used by the proxy of mbo-coms"),
        (["mine", "--stage", "update:gradient-ascent"], "already used by the update of mbo-grad-ascent"),
        (["mine", "--task", "TFBind8-Exact-v0"], "already used by the task of mbo-design-bench"),
        (["core"], "invalid plugin name"),
        (["../escape"], "invalid plugin name"),
        (["Shouting"], "invalid plugin name"),
        (["two words"], "invalid plugin name"),
        (["9lives"], "invalid plugin name"),
        ([""], "invalid plugin name"),
        (["mbo-mine"], "leave out the prefix: mbo new mine"),
        (["mine", "--stage", "mine"], "write --stage ROLE:NAME, e.g. proxy:mine"),
        (["mine", "--stage", "proxi:mine"], 'did you mean "proxy"?'),
        (["mine", "--stage", "proxy:Mine"], 'invalid stage name "Mine"'),
        (["mine", "--stage", "proxy:"], 'invalid stage name ""'),
        (["mine", "--stage", "proxy:a", "--stage", "proxy:b"], "duplicate proxy: a and b"),
        (["mine", "--task", "a/b"], 'invalid task name "a/b"'),
        (["mine", "--task", ""], 'invalid task name ""'),
        (["mine", "--tool", "--style", "torch"], "has no effect without a proxy"),
        (["mine", "--stage", "adversary:a", "--stage", "proxy:p", "--style", "torch"], "against an adversary"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_and_nothing_written(arguments, words, tmp_path):
    refused = called(*arguments, "--into", tmp_path)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(("form", "taken"), [([], "mbo-mine"), (["--single"], "mine.toml")])
def test_what_exists_is_not_touched(form, taken, tmp_path):
    (tmp_path / taken).mkdir()
    refused = called("mine", *form, "--into", tmp_path)
    assert refused.exit_code == 1
    assert f"{tmp_path / taken} already exists" in refused.stderr
    assert list(tmp_path.rglob("*")) == [tmp_path / taken]


@pytest.mark.parametrize("form", [[], ["--single"]])
def test_what_cannot_be_finished_is_not_begun(form, tmp_path, monkeypatch):
    def full(folder, texts):
        (folder / "README.md").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_write", full)
    refused = called("mine", *form, "--into", tmp_path)
    assert refused.exit_code == 1
    assert "No space left on device" in refused.stderr
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = called("mine", "--into", tmp_path / "file")
    assert refused.exit_code == 1
    assert f"cannot write to {tmp_path / 'file'}" in refused.stderr


def test_it_names_each_file_and_the_next_command(tmp_path):
    done = called("mine", "--stage", "update:moves", "--into", tmp_path)
    *wrote, _, next_ = done.stdout.splitlines()
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert wrote == [f"wrote {path}" for path in files]
    assert next_.startswith(f'next: pip install -e "{tmp_path / "mbo-mine"}[test]" && pytest')
