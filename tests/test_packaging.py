"""Each distribution builds, holds its data, and works without the other plugins."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

TOP = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in TOP.glob("plugins/*/pyproject.toml"))


def project(folder: Path) -> dict:
    return tomli.loads((folder / "pyproject.toml").read_text())["project"]


def needed(folder: Path) -> list[Path]:
    """A plugin's folder and those of ours that it depends on."""
    names = {name.split(">")[0] for name in project(folder)["dependencies"]}
    others = [other for other in PLUGINS if other.name in names]
    return [folder, *(inner for other in others for inner in needed(other))]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """All distributions, built and checked by the command that CONTRIBUTING names."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([sys.executable, str(TOP / ".github/build.py"), str(folder)], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_works_without_the_others(folder, wheels, bare, tmp_path):
    parts = ["mbo-core", *(one.name for one in needed(folder))]
    for name in dict.fromkeys(parts):  # what pip does with a wheel of Python alone, in a tenth of the time
        shutil.unpack_archive(next(wheels.glob(f"{name.replace('-', '_')}-*.whl")), tmp_path, "zip")
    path = os.pathsep.join(map(str, (tmp_path, bare)))
    code = f"""
import json, sys
import mbo_core
from mbo_core.testing import cases
assert mbo_core.__file__.startswith({str(tmp_path)!r}), mbo_core.__file__
found = mbo_core.installed()
from importlib.metadata import entry_points
tools = {{point.dist.name for point in entry_points(group="mbo.commands")}}
idle = [name for name, plugin in found.manager.list_name_plugin() if not found.manager.get_hookcallers(plugin)]
idle = [name for name in idle if f"mbo-{{name}}" not in tools]
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


def required(name: str) -> set[str]:
    """What a file of requirements asks for, with the files that it names."""
    lines = (TOP / "plugins" / name).read_text().splitlines()
    own = {line for line in lines if line and not line.startswith(("#", "-r "))}
    return own.union(*(required(line[3:]) for line in lines if line.startswith("-r ")))


def test_the_requirements_name_every_plugin():
    assert required("requirements.txt") == {"torch==2.13.0", "-e .", *(f"-e plugins/{one.name}" for one in PLUGINS)}


def test_the_first_requirements_hold_what_they_need():
    coms = {f"-e plugins/{one.name}" for one in needed(TOP / "plugins/mbo-coms")}
    assert required("requirements-coms.txt") == {"torch==2.13.0", "-e .", "-e plugins/mbo-design-bench", *coms}


def test_the_extra_all_names_every_plugin():
    extras = project(TOP)["optional-dependencies"]["all"]
    assert extras == [f"{one.name}>=0.1,<0.2" for one in PLUGINS]


def test_the_two_lists_of_development_tools_agree():
    group = tomli.loads((TOP / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    lines = (TOP / "plugins/requirements-dev.txt").read_text().splitlines()
    assert sorted(group) == sorted(line for line in lines if not line.startswith("-"))


@pytest.mark.parametrize("folder", [TOP, *PLUGINS], ids=lambda path: path.name)
def test_all_are_for_the_same_versions_of_python(folder):
    assert project(folder)["requires-python"] == ">=3.11"


@pytest.mark.slow
def test_the_reference_is_rendered_from_docstrings(tmp_path):
    subprocess.run([sys.executable, str(TOP / ".github/reference.py"), str(tmp_path)], check=True)
    for page, words in (("mbo_core", "def run("), ("mbo_core/stages/contracts", "class Proxy(")):
        text = re.sub("<[^>]*>", "", (tmp_path / f"{page}.html").read_text())
        assert words in text


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
