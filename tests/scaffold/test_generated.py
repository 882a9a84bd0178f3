"""What `mbo new` writes for each role passes its own tests, the conformance kit, and our own style."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.scaffold import write
from mbo_core.scaffold.plan import Plan
from mbo_core.scaffold.write import create

TOP = Path(__file__).parents[2]
PLANS = (
    Plan.of("plain"),
    Plan.of("modular", style="torch"),
    Plan.of("kernels", ["proxy:own-kernel-ridge", "update:kernel-moves"], "closed-form"),
    Plan.of("signed", ["adversary:signed-step"]),
    Plan.of("guarded", ["proxy:guarded-network", "adversary:guarded-step"]),
    Plan.of("ranges", ["encoding:min-max"]),
    Plan.of("moves", ["update:random-moves"]),
    Plan.of("gains", ["evaluation:gain"]),
    Plan.of("inside", ["objective:inside-box"]),
    Plan.of("hill", task="Hill-v0"),
    Plan.of("spread", tool=True),
    Plan.of("whole", [f"{role}:whole-{role}" for role in write.PARTS[:6]], task="Whole-v0", tool=True),
)
SINGLES = tuple(replace(plan, single=True) for plan in PLANS)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with a package for each plan, as if they were installed."""
    folder = tmp_path_factory.mktemp("generated")
    for plan in PLANS:
        create(plan, folder, mbo.installed())
        about = folder / f"{plan.module}-0.1.0.dist-info"
        about.mkdir()
        requires = "".join(f"Requires-Dist: {one}\n" for one in plan.dependencies)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mbo-{plan.slug}\nVersion: 0.1.0\n{requires}")
        (about / "entry_points.txt").write_text(f"[mbo.plugins]\n{plan.slug} = {plan.module}\n")
    return folder


def passing(site: Path, *arguments: str) -> str:
    """What pytest says of the packages, where no others are but those that their recipes name."""
    folders = [site, *(site / f"mbo-{plan.slug}" for plan in PLANS)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, folders), *filter(None, sys.path)]),
        "MBO_PLUGINS": ",".join(["coms", "grad-ascent", *(plan.slug for plan in PLANS)]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *arguments]
    done = subprocess.run(
        [*command, "--import-mode=importlib"], cwd=site, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_each_package_passes_its_own_tests(site):
    assert f"{2 + sum(len(parts(plan)) for plan in PLANS) + 2} passed" in passing(site, "-k", "not conformance")


def parts(plan: Plan) -> list[str]:
    return [part for part in write.PARTS if part in plan.facts]


@pytest.mark.slow
def test_the_kit_passes_on_packages_of_each_form(site):
    """`whole` has a stage of every role."""
    forms = ("plain", "modular", "kernels", "guarded", "whole")
    assert " passed" in passing(site, "-k", "conformance", *(f"mbo-{slug}" for slug in forms))


@pytest.mark.parametrize(
    "plan",
    [SINGLES[0], *(pytest.param(plan, marks=pytest.mark.slow) for plan in SINGLES[1:])],
    ids=lambda plan: plan.slug,
)
def test_a_single_file_runs_with_its_recipe(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("MBO_PLUGINS", "coms,grad-ascent")
    create(plan, tmp_path, mbo.installed())
    file, recipe = tmp_path / f"{plan.module}.py", tmp_path / f"{plan.slug}.toml"
    assert recipe.exists() == bool(plan.stages)
    if not plan.stages:
        recipe.write_text("[update]\nuse = 'none'")
    x = np.random.default_rng(0).normal(size=(150, 2))
    task = plan.task or mbo.Task("table", x, x.sum(axis=1), oracle=lambda designs: designs.sum(axis=1))
    small = ["update.steps=2"] * ("update" in plan.stages) + ["proxy.epochs=1"] * (
        plan.style != "closed-form" and bool(plan.stages)
    )
    preset = "quick" if plan.stages else None
    held_out = ["proxy.held_out=20"] * (bool(plan.stages) and "proxy" not in plan.stages)
    result = mbo.run(
        recipe, task, seeds=1, preset=preset, set=[*small, *held_out], plugins=[file], out=tmp_path / "run"
    )
    assert result.status == "done"
    assert ("gain" in result.trials[0].scores) == ("evaluation" in plan.stages)
    assert (tmp_path / "run" / f"{plan.slug}.csv").exists() == plan.tool


def test_what_is_written_keeps_to_our_own_style(site, tmp_path):
    for plan in SINGLES:
        create(plan, tmp_path / plan.slug, mbo.installed())
    ruff = ("-m", "ruff", "check", "--config", 'lint.per-file-ignores = {"test_*" = ["D"]}')
    settled(*ruff, "--config", "pyproject.toml", site, tmp_path)
    settled("-m", "ruff", "format", "--check", "--config", "pyproject.toml", site, tmp_path)
    assert "$" not in "".join(file.read_text() for file in site.rglob("*.py"))
    assert "${{ matrix.python }}" in (site / "mbo-plain/.github/workflows/test.yml").read_text()


@pytest.mark.slow
def test_what_is_written_is_typed(site, tmp_path):
    for plan in SINGLES:
        create(plan, tmp_path / plan.slug, mbo.installed())
    modules = [site / f"mbo-{plan.slug}" / plan.module for plan in PLANS]
    settled("-m", "mypy", *modules, *(tmp_path / plan.slug / f"{plan.module}.py" for plan in SINGLES))


def settled(*command: object) -> None:
    done = subprocess.run([sys.executable, *map(str, command)], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_template_is_used(monkeypatch):
    used = set()
    monkeypatch.setattr(write, "filled", lambda template, words, facts: used.add(template) or "")
    for plan in PLANS:
        write.contents(plan)
    here = TOP / "mbo_core/scaffold/templates"
    assert {str(path.relative_to(here)).removesuffix(".tmpl") for path in here.rglob("*.tmpl")} == used
