"""Each check of the conformance kit fails on what breaks its rule, and no other does; what keeps all rules passes."""

from __future__ import annotations

import json
from textwrap import indent

import pytest
from click.testing import CliRunner

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.testing import CHECKS, assignments, cases, conformance, small

BOUNDS = "mbo-core>=0.1,<0.2"
PLUGIN = '''"""A plugin inside a test."""
from mbo_core.hookspecs import hookimpl

@hookimpl
def mbo_stages():
    """One stage."""
    from dataclasses import dataclass
    import torch
    from mbo_core.encoding import Standardised
    from mbo_core.errors import TaskError
    from mbo_core.evaluation import OracleEvaluator
    from mbo_core.options import option
    from mbo_core.stages import Prediction, Schedule
    from mbo_core.testing.yardsticks import AbleProxy, KeepBetter, ShiftDesigns, ShiftWeights

    @dataclass(frozen=True, kw_only=True)
    class Odd(BASE):
        """A stage inside a test."""

        name = "odd"

BODY

    return [Odd]
'''
DOC = '        """A stage inside a test."""\n'
RECIPE = '[method]\nname = "found"\nsummary = "the best rows"\npaper = "arXiv:0000.00000"\n'


def offering(base: str, body: str) -> str:
    return PLUGIN.replace("BASE", base).replace("BODY", indent(body, " " * 8))


def failing(registry, kind: str = "continuous") -> set[str]:
    """The checks that fail; of those that run something, only on one kind of task, to save time."""
    made = [case for case in cases("odd", registry) if kind in case.subject.label or "," not in case.subject.label]
    return {case.check.name for case in made if case.outcome.status == "failed"}


FINE = offering("KeepBetter", "")
UPDATES = {
    "draws from torch's generator, in a loop": (
        "lift = 'loop'\ndef step(self, key, state, data):\n    return state._replace(x=torch.rand_like(state.x)), {}",
        {"same-key", "seed-alone", "global-generators"},
    ),
    "draws from torch's generator, under vmap": (
        "def step(self, key, state, data):\n    return state._replace(x=torch.rand_like(state.x)), {}",
        {"runs"},
    ),
    "lets seeds see each other": (
        "lift = 'loop'\ndef init(self, key, data, proxy_state, seen=[]):\n    seen.append(key)\n"
        "    state = super(Odd, self).init(key, data, proxy_state)\n    return state._replace(x=state.x + len(seen))",
        {"same-key", "seed-alone"},
    ),
    "writes to the data": (
        "def step(self, key, state, data):\n    data.x[0] += 1\n    return super(Odd, self).step(key, state, data)",
        {"inputs-untouched"},
    ),
    "proposes too few": ("def designs(self, state):\n    return state.x[1:]", {"designs"}),
    "proposes NaN": ("def designs(self, state):\n    return state.x * torch.nan", {"designs"}),
    "proposes columns": ("def designs(self, state):\n    return state.x[:, :1]", {"runs"}),
    "trips over equal scores": (
        "def length(self, data):\n    return int(1 / data.y.std(correction=0))",
        {"rows"},
    ),
    "needs what there is not": (
        "@property\ndef needs(self):\n    return frozenset({'values', 'magic'})",
        {"fits"},
    ),
    "has no option with a meaning": ("size: int = 3", {"meanings"}),
    "has an option in capitals": ("Size: int = option(3, 'its size')", {"names"}),
    "has a default beyond its limits": (
        "size: int = option(0, 'its size', at_least=1)",
        {"bad-options", "options-round-trip"},
    ),
    "changes an option": (
        "size: int = option(0, 'its size')\n"
        "def __post_init__(self):\n    object.__setattr__(self, 'size', self.size + 1)",
        {"options-round-trip"},
    ),
}
VALUES = "withstands = frozenset()\nabilities = frozenset({'values'})\n"
PLAIN = (
    "def predict(self, state, x):\n    mean = super(Odd, self).predict(state, x).mean\n"
    "    return Prediction(MEAN, torch.zeros_like(mean))\n"
)
STEP = "def step(self, key, state, batch):\n    BEFORE\n    return super(Odd, self).step(key, state, batch)\n"


def able(*abilities: str) -> str:
    return f"withstands = frozenset()\nabilities = frozenset({{'values', *{abilities}}})\n"


PROXIES = {
    "keeps all rules": ("", set()),
    "needs more rows than there are": (
        VALUES + PLAIN.replace("MEAN", "mean") + "def schedule(self, data):\n    return Schedule(1, 128, held_out=200)",
        {"runs"},
    ),
    "lets designs see each other": (VALUES + PLAIN.replace("MEAN", "mean - mean.mean()"), {"values"}),
    "predicts a column": (VALUES + PLAIN.replace("MEAN", "mean[:, None]"), {"runs"}),
    "writes to its state": (
        able("spread") + STEP.replace("BEFORE", "state.params[0]['bias'].add_(1)"),
        {"inputs-untouched"},
    ),
    "has no slope": (able("gradients") + PLAIN.replace("MEAN", "mean.detach()"), {"gradients"}),
    "has a spread of 0": (able("spread") + PLAIN.replace("MEAN", "mean"), {"spread"}),
    "has a spread and does not say so": (VALUES, {"spread"}),
    "ignores weights": (
        able("spread", "refit") + STEP.replace("BEFORE", "batch = batch._replace(w=torch.ones_like(batch.w))"),
        {"refit"},
    ),
    "cannot take a single row": (
        able("spread", "refit") + STEP.replace("BEFORE", "batch = batch._replace(w=batch.w / (len(batch.w) - 1))"),
        {"refit"},
    ),
    "tells all members the same": (
        able("spread", "members")
        + STEP.replace("BEFORE", "batch = batch._replace(y=batch.y.reshape(-1, len(batch.w))[0])"),
        {"members"},
    ),
    "has a loss without weights": (
        able("spread", "weights") + "def model(self):\n    model = super(Odd, self).model()\n"
        "    return model._replace(loss=lambda params, batch: batch.y.square().mean())",
        {"weights"},
    ),
    "keeps what no file can hold": (
        VALUES
        + "lift = 'loop'\ndef init(self, key, data):\n    return {'able': super(Odd, self).init(key, data), 'odd': object()}\n"
        "def step(self, key, state, batch):\n    able, info = super(Odd, self).step(key, state['able'], batch)\n"
        "    return {**state, 'able': able}, info\n"
        + PLAIN.replace("(state, x)", "(state['able'], x)").replace("MEAN", "mean"),
        {"state-on-disk"},
    ),
    "withstands less than it says": (
        "abilities = frozenset({'values', 'spread'})\n"
        + STEP.replace("BEFORE", "assert 'designs' not in self.adversary.moves"),
        {"runs"},
    ),
}
OTHERS = {
    "an adversary that moves designs and says weights": ("ShiftDesigns", "moves = frozenset({'weights'})", {"mined"}),
    "an adversary whose designs carry a gradient": (
        "ShiftDesigns",
        "def mine(self, key, state, model, start, batch):\n    return start._replace(x=start.x + 1), state",
        {"mined"},
    ),
    "an adversary that leaves weights where they are": (
        "ShiftWeights",
        "def mine(self, key, state, model, start, batch):\n    return start, state",
        {"mined"},
    ),
    "an encoding that asks the oracle": (
        "Standardised",
        "def init(self, key, task):\n    task.oracle.score(task.x)\n    return super(Odd, self).init(key, task)",
        {"oracle-unseen"},
    ),
    "an encoding that is random": (
        "Standardised",
        "def encode(self, state, x, calls=[]):\n    calls.append(1)\n    return super(Odd, self).encode(state, x) + len(calls)",
        {"encode-decode", "same-key", "seed-alone"},
    ),
    "an evaluator without raw scores": (
        "OracleEvaluator",
        "def score(self, designs, task):\n    return {'normalised': super(Odd, self).score(designs, task)['normalised']}",
        {"scores"},
    ),
}
STAGES = {
    **{f"an update that {name}": ("KeepBetter", *rest) for name, rest in UPDATES.items()},
    **{f"a proxy that {name}": ("AbleProxy", *rest) for name, rest in PROXIES.items()},
    **OTHERS,
}


@pytest.mark.parametrize(("base", "body", "checks"), STAGES.values(), ids=STAGES)
def test_a_stage_that_breaks_a_rule_fails_its_check_and_no_other(base, body, checks, install):
    assert failing(install({"odd": offering(base, body)}, requires=BOUNDS)) == checks


PACKAGES = {
    "imports torch": (FINE + "import torch\n", BOUNDS, {"light-import"}),
    "prints": (FINE + "print('hello')\n", BOUNDS, {"light-import"}),
    "has a hook that is not marked": (FINE.replace("@hookimpl\n", ""), BOUNDS, {"hooks"}),
    "has no hook": ('"""Nothing."""', BOUNDS, {"hooks"}),
    "has no docstring": (FINE.replace('"""A plugin inside a test."""', ""), BOUNDS, {"docstrings"}),
    "has a function without docstring": (FINE.replace('"""One stage."""', ""), BOUNDS, {"docstrings"}),
    "has a stage without docstring": (FINE.replace(DOC, ""), BOUNDS, {"meanings"}),
    "has a stage in capitals": (FINE.replace('"odd"', '"Odd"'), BOUNDS, {"names"}),
    "says nothing of the core": (FINE, "click", {"entry-point"}),
    "goes with any later core": (FINE, "mbo-core>=0.1", {"entry-point"}),
    "raises": ('"""A plugin."""\n1 / 0', BOUNDS, {"entry-point"}),
}


@pytest.mark.parametrize(("text", "requires", "checks"), PACKAGES.values(), ids=PACKAGES)
def test_a_package_that_breaks_a_rule_fails_its_check_and_no_other(text, requires, checks, install):
    assert failing(install({"odd": text}, requires=requires), kind="none") == checks


RECIPES = {
    "keeps all rules": (RECIPE, set()),
    "is a mix": (RECIPE.replace("paper", "code").replace("arXiv:0000.00000", "a mix: none is published"), set()),
    "names no paper": (RECIPE.replace("paper", "code"), {"recipe-states"}),
    "has another name": (RECIPE.replace('"found"', '"lost"'), {"recipe-states"}),
    "has no summary": (RECIPE.replace("the best rows", ""), {"recipe-states"}),
    "has a score without deviation": (RECIPE + '[published.x]\nsource = "x"\n100th = 0.5', {"recipe-states"}),
    "has a score without source": (RECIPE + "[published.x]\n100th = [0.5, 0.1]", {"recipe-states"}),
    "has an unknown option": (RECIPE + "[update]\ncandidate = 3", {"recipe-resolves"}),
    "has a preset with an unknown option": (RECIPE + "[preset.quick]\nupdate.candidate = 3", {"recipe-resolves"}),
    "is not TOML": ("[method", {"recipe-resolves", "entry-point"}),
}


@pytest.mark.parametrize(("text", "checks"), RECIPES.values(), ids=RECIPES)
def test_a_recipe_that_breaks_a_rule_fails_its_check_and_no_other(text, checks, install):
    assert failing(install({"odd": '"""A plugin."""'}, {"odd/found.toml": text}, requires=BOUNDS)) == checks


SETTINGS = {
    "an unknown table": ("[smal.update.odd]\n", 'did you mean "small"?'),
    "an unknown stage": ("[small.update.od]\ncandidates = 4\n", 'did you mean "odd"?'),
    "an unknown kind": ("[small.updat.odd]\ncandidates = 4\n", 'did you mean "update"?'),
    "an unknown option": ("[small.update.odd]\ncandidate = 4\n", 'did you mean "candidates"?'),
    "a value out of range": ("[small.update.odd]\ncandidates = 0\n", "candidates is 0, below 1"),
    "a waiver without a reason": ('[waived]\nrows = ""\n', 'the waiver "rows" has no reason'),
    "a waiver of no check": ('[waived]\nrow = "why"\n', 'did you mean "rows"?'),
    "a waiver of no subject": ('[waived]\n"rows: proxy odd" = "why"\n', "never made of proxy odd"),
    "a waiver that is not needed": ('[waived]\nnames = "why"\n', "the waiver is not needed"),
    "no TOML": ("[small", "is not valid TOML"),
}


def with_settings(install, tmp_path, text: str, body: str = ""):
    registry = install({"odd": offering("KeepBetter", body)}, requires=BOUNDS)
    (tmp_path / "site-packages" / "mbo_odd" / "conformance.toml").write_text(text)
    return registry


@pytest.mark.parametrize(("text", "words"), SETTINGS.values(), ids=SETTINGS)
def test_a_mistake_in_the_settings_is_a_failure_that_names_it(text, words, install, tmp_path):
    registry = with_settings(install, tmp_path, text)
    made = [case for case in cases("odd", registry) if case.check.name in {"settings", "waivers"}]
    [failed] = [case.outcome for case in made if case.outcome.status == "failed"]
    assert words in str(failed)


def test_small_options_make_a_stage_and_a_recipe_small(install, tmp_path):
    registry = with_settings(install, tmp_path, "[small.update.odd]\ncandidates = 4\n")
    assert small(registry) == {("update", "odd"): {"candidates": 4}}
    (tmp_path / "mine.toml").write_text('[update]\nuse = "odd"\n')
    assert assignments(tmp_path / "mine.toml", registry, "discrete") == ["update.candidates=4"]
    assert assignments(tmp_path / "mine.toml", registry, "discrete", candidates=5) == ["update.candidates=4"]


def test_a_waived_failure_is_listed_with_its_reason_on_the_command_line(install, tmp_path, monkeypatch):
    registry = with_settings(
        install, tmp_path, '[waived]\nnames = "an old name"\n', "Size: int = option(3, 'its size')"
    )
    monkeypatch.setattr("mbo_core.plugins.installed", lambda without=(): registry)
    done = CliRunner().invoke(main, ["plugins", "check", "odd", "--json"])
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["passed"]) == (0, True)
    [waived] = [one for one in answer["outcomes"] if one["status"] == "waived"]
    assert (waived["check"], waived["subject"], waived["reason"]) == ("names", "update odd", "an old name")


def test_the_command_line_reports_each_check_and_then_the_failures(install, monkeypatch):
    registry = install({"odd": '"""Nothing."""'}, requires=BOUNDS)
    monkeypatch.setattr("mbo_core.plugins.installed", lambda without=(): registry)
    done = CliRunner().invoke(main, ["plugins", "check", "odd"])
    assert done.exit_code == 1
    assert "hooks[odd] failed: the plugin has neither a hook nor a recipe" in done.stdout
    assert "hint: write the hook mbo_stages or mbo_tasks" in done.stdout
    assert "4 passed, 1 failed, 0 waived, 0 skipped" in done.stdout
    assert "checking odd" in done.stderr


def test_a_plugin_that_is_not_installed_is_not_checked(install):
    with pytest.raises(mbo.RecipeError, match='did you mean "odd"'):
        cases("ood", install({"odd": FINE}))
    with pytest.raises(mbo.RecipeError, match="there is no plugin"):
        conformance("nothing of that name")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_says_its_rule_in_one_line(check):
    assert check.doc.endswith(".")
