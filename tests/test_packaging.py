"""Each distribution builds, holds its data, and works without the other plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in TOP.glob("plugins/*/pyproject.toml"))


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def needed(folder: Path) -> list[Path]:
    """A plugin's folder and those of ours that it depends on."""
    names = {name.split(">")[0] for name in project(folder)["dependencies"]}
    others = [other for other in PLUGINS if other.name in names]
    return [folder, *(inner for other in others for inner in needed(other))]


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_works_without_the_others(folder, bare, tmp_path):
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path)]
    subprocess.run([*command, str(TOP), *map(str, needed(folder))], check=True, capture_output=True)
    for name in project(folder).get("license-files", ()):
        assert list(tmp_path.glob(f"{folder.name.replace('-', '_')}-*.dist-info/licenses/{name}")), name
    path = os.pathsep.join(map(str, (tmp_path, bare)))
    code = f"""
import json, sys
import mbo_core
from mbo_core.testing import cases
assert mbo_core.__file__.startswith({str(tmp_path)!r}), mbo_core.__file__
found = mbo_core.installed()
idle = [name for name, plugin in found.manager.list_name_plugin() if not found.manager.get_hookcallers(plugin)]
print(json.dumps([[p.distribution for p in found.plugins], sorted(found.methods), len(found.stages) + len(found.tasks),
                  idle, found.problems]))
cheap = [case for case in cases({folder.name.removeprefix("mbo-")!r}) if case.check.name in {{"settings", "fits"}}]
for case in cheap:
    assert case.outcome.status == "passed", case.outcome
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    distributions, methods, offered, idle, problems = json.loads(done.stdout)
    assert set(distributions) == {one.name for one in needed(folder)}
    recipes = {path.stem for one in needed(folder) for path in one.glob("*/recipes/*.toml")}
    assert set(methods) == recipes
    assert offered >= 7
    assert idle == []
    assert problems == []


def test_the_requirements_name_every_plugin():
    lines = (TOP / "plugins/requirements.txt").read_text().splitlines()
    assert {line[3:] for line in lines if line.startswith("-e ")} == {".", *(f"plugins/{one.name}" for one in PLUGINS)}
    assert "torch==2.13.0" in lines


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_names_follow_the_convention(folder):
    about = project(folder)
    slug = folder.name.removeprefix("mbo-")
    assert about["name"] == folder.name
    assert about["entry-points"]["mbo.plugins"] == {slug: f"mbo_{slug.replace('-', '_')}"}
    assert (folder / "README.md").exists()


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_carries_its_licence(folder):
    assert "LICENSE" in project(folder)["license-files"]
    assert (folder / "LICENSE").read_bytes() == (TOP / "LICENSE").read_bytes()


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_is_checked_by_the_kit(folder):
    lines = (folder / "tests" / "test_conformance.py").read_text().splitlines()[2:]
    slug = folder.name.removeprefix("mbo-")
    call = f'test_conformance = conformance("{slug}")'
    assert lines == ["from mbo_core.testing import conformance", "", call]
