"""A recipe says what has to be installed for it, and what is missing is said before all else goes wrong."""

from __future__ import annotations

import pytest
from toy_stages import REGISTRY, recipe, refusal

from mbo_core.errors import RecipeError
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.requirements import offering
from mbo_core.recipes.resolve import resolve
from mbo_core.toml import parse

PLUGIN = """
from mbo_core import hookimpl

@hookimpl
def mbo_stages():
    from dataclasses import dataclass
    from mbo_core.stages import NoProxy

    @dataclass(frozen=True, kw_only=True)
    class Mine(NoProxy):
        name = "mine"

    return [Mine]
"""


def requiring(*requirements: str, rest: str = "") -> str:
    return f"[method]\nrequires = {list(requirements)}\n{rest}"


@pytest.mark.parametrize(
    ("requirement", "fact", "hint"),
    [
        ("mbo-gone", "needs mbo-gone, which is not installed", 'pip install "mbo-gone"'),
        ("mbo-gone>=0.1", "needs mbo-gone>=0.1, which is not installed", 'pip install "mbo-gone>=0.1"'),
        ("mbo-core >= 99, < 100", "but 0.1.0 is installed", 'pip install "mbo-core<100,>=99"'),
        ("mbo_core<0.1", "needs mbo_core<0.1, but 0.1.0 is installed", 'pip install "mbo_core<0.1"'),
        ("mbo coms", "method.requires: invalid requirement 'mbo coms'", "write distributions"),
        ("mbo-gone @ https://host/a.zip", "method.requires names a URL for mbo-gone", "write distributions"),
    ],
)
def test_an_unmet_requirement_is_reported_with_line(requirement, fact, hint):
    refused = refusal(requiring(requirement))
    assert refused.message.startswith("mine:2: ")
    assert fact in refused.message
    assert refused.hint.startswith(hint)


@pytest.mark.parametrize("value", ["5", "'mbo-gone'", "[5]", "{ a = 1 }"])
def test_what_is_no_list_of_requirements_is_refused(value):
    assert refusal(f"method.requires = {value}").message.startswith("mine:1: method.requires")


@pytest.mark.parametrize("requirement", ["mbo-core", "MBO_core>=0.1", "mbo-gone; python_version < '3'"])
def test_met_or_inapplicable_requirements_are_fine(requirement):
    assert recipe(requiring(requirement)).name == "mine"


@pytest.mark.parametrize(
    ("rest", "missing"),
    [
        ("[proxy]\nuse = 'gone'\nepohcs = 3", 'mine:4: unknown proxy "gone"'),
        ("[preset.quick.proxy]\nuse = 'gone'", 'mine:4: unknown proxy "gone"'),
    ],
)
def test_a_missing_stage_hints_at_its_distribution(rest, missing):
    """Nothing else is reported that could mislead."""
    refused = refusal(requiring("mbo-gone>=0.1", rest=rest), preset="quick" if "quick" in rest else None)
    assert refused.mistakes == (
        ("mine:2: needs mbo-gone>=0.1, which is not installed", 'pip install "mbo-gone>=0.1"'),
        (missing, "it may come with mbo-gone>=0.1, which is not installed"),
    )


def test_a_missing_parent_hints_at_its_distribution():
    """The other mistakes are reported too."""
    refused = refusal("extends = 'gone'\n" + requiring("mbo-gone", rest="[proxi]"))
    assert refused.mistakes == (
        ('mine:1: unknown method "gone"', "it may come with mbo-gone, which is not installed"),
        ("mine:3: needs mbo-gone, which is not installed", 'pip install "mbo-gone"'),
        ('mine:4: unknown table or key "proxi"', 'did you mean "proxy"?'),
    )


def test_a_stage_of_a_broken_plugin(install):
    registry = install({"sick": "raise ImportError('no torch here')"})
    with pytest.raises(RecipeError) as refused:
        resolve(parse(requiring("mbo-sick", rest="[proxy]\nuse = 'gone'"), "mine"), registry, kind="discrete")
    assert refused.value.message == 'mine:4: unknown proxy "gone"'
    assert (
        refused.value.hint
        == "it may come with mbo-sick, whose plugin sick is broken: cannot be imported: ImportError: no torch here"
    )


def test_a_resolved_recipe_requires_its_plugins(install):
    """Not the core."""
    registry = install({"good": PLUGIN, "other": ""})
    for text, requires in (("proxy.use = 'mine'", ["mbo-good>=1.0"]), ("", None)):
        resolved = resolve(parse(text + "\n" + requiring("mbo-other"), "mine"), registry, kind="discrete")
        assert resolved.about.get("requires") == requires
        assert resolve(parse(resolved.to_toml({}), "mine"), registry, kind="discrete") == resolved


def test_a_parents_requirement_is_reported_at_home(install, tmp_path):
    """With the file and line of the parent."""
    registry = install({"good": ""}, {"good/base.toml": requiring("mbo-gone")})
    with pytest.raises(RecipeError, match=r"base.toml:2: needs mbo-gone"):
        resolve(parse("extends = 'base'", "mine"), registry, kind="discrete")


@pytest.mark.parametrize(
    ("version", "stated"), [("1.0", "a>=1.0"), ("0.2.dev3+local", "a>=0.2.dev3"), ("unreadable version", "a")]
)
def test_any_version_can_be_stated(version, stated):
    plugin = Registry(REGISTRY.entry_points).plugins[0]
    plugin.distribution, plugin.version = "a", version
    assert offering([plugin, plugin]) == [stated]
