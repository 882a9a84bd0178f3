"""What a stage may say of itself and of where it is, and when it is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mbo_core.errors import RecipeError

PROXY = '''
from dataclasses import dataclass
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.stages import Adversary, Encoding, NoProxy, NoUpdate, option, stage_option, Proxy, Standardised
from mbo_core.testing.reference_stages import AbleProxy, ShiftDesigns

@dataclass(frozen=True, kw_only=True)
class Odd({base}):
    """A stage inside a test."""

    name = "odd"
    {body}

@hookimpl
def mbo_stages():
    return [Odd]
'''
CANNOT = "is a property, but cannot depend on the options; offer two stages"

DECLARED = {
    "misspelt ability": (
        "AbleProxy",
        'abilities = frozenset({"values", "gradient"})',
        'unknown ability "gradient" in abilities; did you mean "gradients"?',
    ),
    "property": ("AbleProxy", "abilities = property(lambda self: frozenset())", f"abilities {CANNOT}"),
    "string": ("AbleProxy", 'abilities = "values"', "abilities is 'values', not a set of words"),
    "set of numbers": ("AbleProxy", "abilities = {1}", "abilities is {1}, not a set of words"),
    "misspelt move": (
        "AbleProxy",
        'trains_against = frozenset({"design"})',
        'unknown move "design" in trains_against; did you mean "designs"?',
    ),
    "move of an adversary": (
        "ShiftDesigns",
        'moves = {"weight"}',
        'unknown move "weight" in moves; did you mean "weights"?',
    ),
    "kind of task": (
        "Standardised",
        'kinds = frozenset({"discreet"})',
        'unknown kind of task "discreet" in kinds; did you mean "discrete"?',
    ),
    "lift": ("AbleProxy", 'lift = "vmapped"', "lift is 'vmapped'; did you mean \"vmap\"?"),
    "seeded": ("Standardised", 'seeded = "yes"', "seeded is 'yes', not a bool"),
    "name with capitals": ("AbleProxy", 'name = "Odd"', "invalid name 'Odd'; use lower case with hyphens"),
    "name of no text": ("AbleProxy", "name = 5", "name is 5, not a str"),
    "need": (
        "NoUpdate",
        'size: int = option(1, "size")\n    needs = property(lambda self: {"gradient"} if self.size else set())',
        'unknown ability "gradient" in needs; did you mean "gradients"?',
    ),
    "step without its number": (
        "NoUpdate",
        "def step(self, key, state, data):\n        return state, {}",
        "step has the parameters (self, key, state, data); write def step(self, key, state, data, number)",
    ),
    "keyword that nobody gives": (
        "AbleProxy",
        "def predict(self, state, x, *, samples):\n        return None",
        "predict has the parameters (self, state, x, samples); write def predict(self, state, x)",
    ),
    "static method": (
        "NoUpdate",
        "@staticmethod\n    def designs(update, state):\n        return state",
        "designs has the parameters (update, state); write def designs(self, state)",
    ),
    "number in place of a method": (
        "AbleProxy",
        "predict_members = 3",
        "predict_members is not a method; write def predict_members(self, state, x)",
    ),
}


@pytest.mark.parametrize(("base", "body", "reason"), DECLARED.values(), ids=DECLARED)
def test_a_stage_that_misdeclares_is_refused(base, body, reason, install):
    registry = install({"odd": PROXY.format(base=base, body=body)})
    registry.examine()
    [complaint] = registry.problems
    assert complaint.startswith(f"plugin odd (mbo-odd 1.0) is broken: mbo_stages offers 'Odd': {reason}")
    assert not any(name == "odd" for _, name in registry.stages)
    assert registry.stage("proxy", "none").name == "none"


FINE = {
    "plain set": ("AbleProxy", 'abilities = {"values"}'),
    "ability of a plugin": ("AbleProxy", 'abilities = frozenset({"values", "mbo-kernel:kernel"})'),
    "need of a plugin": ("NoUpdate", 'needs = frozenset({"mbo-kernel:kernel"})'),
    "further parameter with a default": ("NoUpdate", "def designs(self, state, own=()):\n        return state.x"),
    "other names": ("NoUpdate", "def step(self, k, s, d, n):\n        return s, {}"),
    "static method": ("NoUpdate", "@staticmethod\n    def designs(state):\n        return state.x"),
    "need of a stage inside": (
        "NoUpdate",
        'inner: Proxy = stage_option("inner")\n    needs = property(lambda self: self.inner.abilities)',
    ),
}


@pytest.mark.parametrize(("base", "body"), FINE.values(), ids=FINE)
def test_a_stage_that_declares_well_is_offered(base, body, install):
    registry = install({"odd": PROXY.format(base=base, body=body)})
    registry.examine()
    assert registry.problems == []
    assert any(name == "odd" for _, name in registry.stages)


MISFIT = '[proxy]\nuse = "none"\n\n[update]\nuse = "gradient-ascent"\n'


@pytest.mark.parametrize("case", ["property", "misspelt move"])
def test_it_breaks_nobody_elses_recipe(case, beside, tmp_path):
    """Found by an author of a plugin: a TypeError in recipes of shipped stages only."""
    path = tmp_path / "misfit.toml"
    path.write_text(MISFIT)
    base, body, _ = DECLARED[case]
    text = PROXY.format(base=base, body=body)
    checked = beside({"odd": text}, "recipe", "check", path)
    assert checked.exit_code == 2
    assert 'update "gradient-ascent" needs a proxy with' in checked.stderr
    assert "these fit: conservative, " in checked.stderr
    assert "plugin odd (mbo-odd 1.0) is broken: mbo_stages offers 'Odd': " in checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize("case", ["property", "misspelt move", "misspelt ability"])
def test_check_and_show_name_the_mistake(case, beside):
    """Found by an author of a plugin: a traceback from `check`, and silence from `show`."""
    base, body, reason = DECLARED[case]
    text = PROXY.format(base=base, body=body)
    checked = beside({"odd": text}, "plugins", "check", "odd")
    assert checked.exit_code == 1
    assert f"entry-point[odd] failed: the plugin is broken: mbo_stages offers 'Odd': {reason}" in checked.stdout
    shown = beside({"odd": text}, "show", "odd")
    assert shown.exit_code == 2
    assert reason in shown.stderr


LAZY = """
from mbo_core import StageOffer, hookimpl

@hookimpl
def mbo_stages():
    return [{offers}]
"""
STAGES = '''
from dataclasses import dataclass
from mbo_core.stages import NoUpdate

@dataclass(frozen=True, kw_only=True)
class Fine(NoUpdate):
    """A stage inside a test."""

    name = "{name}"

class Half(NoUpdate):
    name = "half"
'''


@pytest.fixture
def lazily(install, tmp_path):
    """Install plugins whose stages stand in a module `update` that nothing imports yet."""

    def run(**plugins: str):
        registry = install({name: LAZY.format(offers=offers) for name, offers in plugins.items()})
        for name in plugins:
            Path(tmp_path, "site-packages", f"mbo_{name}", "update.py").write_text(STAGES.format(name=name))
        return registry

    return run


def offer(name: str, role: str = "update", place: str = "") -> str:
    return f'StageOffer("{role}", "{name}", "{place or f"mbo_{name}.update:Fine"}")'


def test_one_stage_imports_one_plugin(lazily):
    registry = lazily(one=offer("one"), two=offer("two"))
    assert {("update", "one"), ("update", "two")} <= set(registry.stages)
    assert not {"mbo_one.update", "mbo_two.update"} & set(sys.modules)
    assert registry.stage("update", "one").__name__ == "Fine"
    assert "mbo_one.update" in sys.modules
    assert "mbo_two.update" not in sys.modules


def test_a_taken_name_is_found_without_import(lazily):
    registry = lazily(one=offer("one"), two=offer("one", place="mbo_two.update:Fine"))
    assert registry.stages["update", "one"].plugin.name == "one"
    [complaint] = registry.problems
    assert "mbo-two 1.0 offers update one, which mbo-one 1.0 already offers" in complaint
    assert "mbo_one.update" not in sys.modules


UNREADABLE = {
    "role": (offer("odd", role="updat"), 'unknown role "updat"; did you mean "update"?'),
    "place": (offer("odd", place="mbo_odd.update"), 'invalid place "mbo_odd.update"; write "module:Class"'),
    "name": (offer("Odd"), "invalid name 'Odd'; use lower case with hyphens"),
}


@pytest.mark.parametrize(("text", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_offer_that_says_nonsense_is_refused(text, reason, lazily):
    registry = lazily(odd=text)
    assert ("update", "odd") not in registry.stages
    assert reason in registry.problems[0]


UNLOADABLE = {
    "module": (offer("odd", place="mbo_odd.updates:Fine"), "ModuleNotFoundError: No module named 'mbo_odd.updates'"),
    "class": (offer("odd", place="mbo_odd.update:Find"), "AttributeError: module 'mbo_odd.update' has no attribute"),
    "other name": (offer("even", place="mbo_odd.update:Fine"), "mbo_odd.update:Fine is the update odd"),
    "other role": (offer("odd", role="proxy"), "mbo_odd.update:Fine is the update odd"),
    "misdeclared": (offer("half", place="mbo_odd.update:Half"), "mbo_odd.update:Half: it is not a dataclass"),
}


@pytest.mark.parametrize(("text", "reason"), UNLOADABLE.values(), ids=UNLOADABLE)
def test_a_stage_that_does_not_load_says_why(text, reason, lazily):
    registry = lazily(odd=text)
    [key] = [key for key, offered in registry.stages.items() if offered.plugin.name == "odd"]
    for _ in range(2):
        with pytest.raises(RecipeError, match="cannot be loaded") as refused:
            registry.stage(*key)
        assert reason in refused.value.message
        assert "plugin odd (mbo-odd 1.0)" in refused.value.hint
    [complaint] = registry.problems
    assert reason in complaint
    assert complaint.count("cannot be loaded") == 1
    assert key not in registry.loaded()
    assert registry.stage("update", "none").name == "none"
