"""The README's blocks run, and what it lists is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import mbo_core
from mbo_core import hookspecs
from mbo_core.cli import main
from mbo_core.plugins import Offered, Registry

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
FAST = ["--seeds", "2", "--set", "proxy.hidden=[8]", "--set", "proxy.epochs=1"]


def blocks(language: str) -> list[str]:
    return [text for of, text in BLOCKS if of == language]


def commands() -> list[list[str]]:
    lines = [line for text in blocks("console") for line in text.splitlines() if line.startswith("$ mbo ")]
    return [shlex.split(line, comments=True)[2:] for line in lines]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_each_command_of_the_readme_works(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in named_files().items():
        Path(name).write_text(text)
    if arguments[0] == "show" and arguments[1].startswith("mbo-runs"):
        first = next(one for one in commands() if one[0] == "run")
        CliRunner().invoke(main, [*first, *FAST], catch_exceptions=False)
    done = CliRunner().invoke(main, [*arguments, *(FAST if arguments[0] == "run" else [])])
    assert done.exit_code == 0, done.output


def named_files() -> dict[str, str]:
    """TOML blocks whose first line is a comment with a file's name."""
    return {text.split("\n")[0].removeprefix("# "): text for text in blocks("toml") if text.startswith("# ")}


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.strip().splitlines()[0])
def test_each_python_block_of_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    execute(code)


def execute(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    return names


def test_the_proxy_of_the_readme_works_under_a_search(tmp_path):
    code = next(block for block in blocks("python") if "class RandomFeatures" in block)
    registry = Registry(mbo_core.installed().entry_points)
    stage = execute(code)["RandomFeatures"]
    registry.stages["proxy", stage.name] = Offered(stage, registry.plugins[0])
    recipe = tmp_path / "features.toml"
    recipe.write_text('[proxy]\nuse = "random-features"\n[update]\nuse = "gradient-ascent"\n')
    result = mbo_core.run(recipe, "Quadratic2D-Exact-v0", seeds=3, registry=registry)
    assert result.failed == {}
    losses = [step["loss"] for step in result.trials[0].steps if step["phase"] == "train"]
    assert losses[-1] < losses[0]


def test_the_two_commands_of_the_set_up_are_there():
    first, second = (text.strip() for text in blocks("sh"))
    assert first == "pip install -r plugins/requirements.txt && mbo run coms --task TFBind8-Exact-v0 --preset quick"
    assert second == "pip install -r plugins/requirements-dev.txt && pytest"


def test_every_hook_and_command_is_named_in_the_readme():
    hooks = [name for name in vars(hookspecs) if name.startswith("mbo_")]
    for name in [*hooks, *main.commands]:
        assert f"`{name}" in README or f"mbo {name}" in README, name
