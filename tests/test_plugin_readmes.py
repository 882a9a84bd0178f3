"""Every plugin's README lists its stages' options with their defaults, names its methods, and its recipes resolve."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tomli

import mbo_core as mbo
from mbo_core.recipes import resolve as recipes
from mbo_core.stages.options import Option, options

FOLDER = Path(__file__).parents[1] / "plugins"
READMES = {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*/README.md"))}
INSTALLED = mbo.installed()
STAGES = [
    (offered.value, READMES[f"mbo-{offered.plugin.name}"])
    for offered in INSTALLED.stages.values()
    if f"mbo-{offered.plugin.name}" in READMES
]
RECIPES = [
    (plugin, text)
    for plugin, readme in READMES.items()
    for text in re.findall(r"^```toml\n(.*?)^```", readme, re.S | re.M)
    if "extends" in text
]


def rows(text: str, stage: str) -> dict[str, str]:
    """The options and defaults of a README's table on a stage."""
    [section] = re.findall(rf"^### `{stage}`.*?(?=^#|\Z)", text, re.S | re.M)
    return dict(re.findall(r"^\| `(\w+)` \| (`.*?`) \|", section, re.M))


def default(one: Option) -> str:
    """The default of an option, and that on kinds of space where it differs."""
    return ", ".join([f"`{json.dumps(one.default)}`", *(f"{kind} `{value}`" for kind, value in one.by_kind.items())])


def test_all_plugins_are_read():
    assert len(READMES) >= 10
    assert len(STAGES) >= 14
    assert len(RECIPES) >= 8


@pytest.mark.parametrize(("stage", "text"), STAGES, ids=[stage.name for stage, _ in STAGES])
def test_a_readme_lists_every_option(stage, text):
    plain = [one for one in options(stage).values() if one.stage is None]
    assert rows(text, stage.name) == {one.name: default(one) for one in plain}


@pytest.mark.parametrize("method", INSTALLED.methods.values(), ids=list(INSTALLED.methods))
def test_a_readme_names_every_method_and_preset(method):
    readme = READMES[f"mbo-{method.plugin.name}"]
    assert f"| `{method.name}` |" in readme
    for preset in tomli.loads(method.path.read_text(encoding="utf-8")).get("preset", {}):
        assert f"`{preset}`" in readme


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
@pytest.mark.parametrize(("plugin", "text"), RECIPES, ids=[plugin for plugin, _ in RECIPES])
def test_a_readmes_recipe_resolves(plugin, text, kind, tmp_path):
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    recipe = recipes.resolve(recipes.find(tmp_path / "mine.toml", INSTALLED), INSTALLED, kind=kind)
    assert f'name = "{recipe.name}"' in text
