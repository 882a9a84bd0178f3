"""`mbo new` writes a package that passes its own tests and runs, as a stranger would install it."""

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
from mbo_core.scaffold.write import STYLES, create

TOP = Path(__file__).parents[2]
OURS = (TOP, TOP / "plugins/mbo-grad-ascent", TOP / "plugins/mbo-design-bench")


def called(*arguments: object):
    return CliRunner().invoke(main, ["new", *map(str, arguments)])


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_the_package_passes_its_tests_and_runs_in_an_environment_of_its_own(style, bare, tmp_path):
    package = create("far-sighted", style, tmp_path, mbo.installed())
    python = environment(tmp_path / "venv", bare)
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *OURS, package)
    tested = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", package, cwd=tmp_path)
    assert " passed" in tested
    assert "failed" not in tested
    quick = ("--task", "TFBind8-Exact-v0", "--preset", "quick", "--set", "proxy.epochs=1", "--seeds", "2")
    ran = json.loads(run(python.parent / "mbo", "run", "far-sighted", *quick, "--json", cwd=tmp_path))
    assert ran["failed"] == {}
    assert ran["candidates"]["distinct"] > [64, 64]
    checked = run(python.parent / "mbo", "plugins", "check", "far-sighted", "--json", cwd=tmp_path)
    assert json.loads(checked)["passed"]


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


@pytest.mark.parametrize("style", STYLES)
def test_what_is_written_keeps_to_our_own_style(style, tmp_path):
    package = create("far-sighted", style, tmp_path, mbo.installed())
    settings = ("--config", TOP / "pyproject.toml", package)
    run(sys.executable, "-m", "ruff", "check", "--config", 'lint.per-file-ignores = {"test_*" = ["D"]}', *settings)
    run(sys.executable, "-m", "ruff", "format", "--check", *settings)
    assert "$" not in "".join(file.read_text() for file in package.rglob("*.py"))
    assert "${{ matrix.python }}" in (package / ".github/workflows/test.yml").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("coms", '"coms" is taken, by a plugin of mbo-coms'),
        ("grad-ascent-min", "is taken, by a method of mbo-grad-ascent"),
        ("conservative", "is taken, by a proxy of mbo-coms"),
        ("core", "cannot be the name of a plugin"),
        ("../escape", "cannot be the name of a plugin"),
        ("Shouting", "cannot be the name of a plugin"),
        ("two words", "cannot be the name of a plugin"),
        ("9lives", "cannot be the name of a plugin"),
        ("", "cannot be the name of a plugin"),
        ("mbo-mine", "name the plugin: mbo new mine"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(name, words, tmp_path):
    refused = called(name, "--into", tmp_path)
    assert refused.exit_code == 2
    assert words in refused.stderr.replace("method of mbo-coms", "plugin of mbo-coms")
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "mbo-mine").mkdir()
    refused = called("mine", "--into", tmp_path)
    assert refused.exit_code == 1
    assert "exists already" in refused.stderr
    assert list(tmp_path.rglob("*")) == [tmp_path / "mbo-mine"]


def test_a_package_that_cannot_be_finished_is_not_begun(tmp_path, monkeypatch):
    def full(folder, slug, style):
        (folder / "README.md").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_fill", full)
    refused = called("mine", "--into", tmp_path)
    assert refused.exit_code == 1
    assert "No space left on device" in refused.stderr
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = called("mine", "--into", tmp_path / "file")
    assert refused.exit_code == 1
    assert f"cannot write to {tmp_path / 'file'}" in refused.stderr


def test_every_template_is_used():
    used = {template.replace("$style", style) for template in write.PACKAGE.values() for style in STYLES}
    here = TOP / "mbo_core/scaffold/templates"
    assert {str(path.relative_to(here)).removesuffix(".tmpl") for path in here.rglob("*.tmpl")} == used
