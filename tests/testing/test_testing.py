"""Each check of a package, recipe or task fails on what breaks its rule, and no other does; waivers; the command."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from odd import BOUNDS, DOC, FINE, RECIPE, failing, offering

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.testing import CHECKS, assignments, cases, conformance, small

PACKAGES = {
    "imports torch": (FINE + "import torch\n", BOUNDS, {"light-import"}),
    "prints": (FINE + "print('hello')\n", BOUNDS, {"light-import"}),
    "has a hook that is not marked": (FINE.replace("@hookimpl\n", ""), BOUNDS, {"hooks"}),
    "has no hook": ('"""Nothing."""', BOUNDS, {"hooks"}),
    "has no docstring": (FINE.replace('"""A plugin inside a test."""', ""), BOUNDS, {"docstrings"}),
    "has a function without docstring": (FINE.replace('"""One stage."""', ""), BOUNDS, {"docstrings"}),
    "has a stage without docstring": (FINE.replace(DOC, ""), BOUNDS, {"meanings"}),
    "has a stage in capitals": (FINE.replace('"odd"', '"Odd"'), BOUNDS, {"entry-point"}),
    "says nothing of the core": (FINE, "click", {"entry-point"}),
    "goes with any later core": (FINE, "mbo-core>=0.1", {"entry-point"}),
    "raises": ('"""A plugin."""\n1 / 0', BOUNDS, {"entry-point"}),
}


GEARED = [
    pytest.param(*package, id=name, marks=pytest.mark.slow if name == "imports torch" else ())
    for name, package in PACKAGES.items()
]


@pytest.mark.parametrize(("text", "requires", "checks"), GEARED)
def test_a_bad_package_fails_one_check(text, requires, checks, install):
    """The check of the rule it breaks, and no other."""
    assert failing(install({"odd": text}, requires=requires), kind="none", skipped="") == checks


RECIPES = {
    "keeps all rules": (RECIPE, set()),
    "is a mix": (RECIPE.replace('paper = "arXiv:0000.00000"', "mix = true"), set()),
    "names no paper": (RECIPE.replace("paper", "code"), {"recipe-states"}),
    "has another name": (RECIPE.replace('"found"', '"lost"'), {"recipe-states"}),
    "has no summary": (RECIPE.replace("the best rows", ""), {"recipe-states"}),
    "has a score without deviation": (RECIPE + '[published.x]\nsource = "x"\n100th = 0.5', {"recipe-resolves"}),
    "has a score without source": (RECIPE + "[published.x]\n100th = [0.5, 0.1]", {"recipe-states"}),
    "has an unknown option": (RECIPE + "[update]\ncandidate = 3", {"recipe-resolves"}),
    "has a preset with an unknown option": (RECIPE + "[preset.quick]\nupdate.candidate = 3", {"recipe-resolves"}),
    "is not TOML": ("[method", {"recipe-resolves", "entry-point"}),
}


@pytest.mark.parametrize(("text", "checks"), RECIPES.values(), ids=RECIPES)
def test_a_bad_recipe_fails_one_check(text, checks, install):
    """The check of the rule it breaks, and no other."""
    assert failing(install({"odd": '"""A plugin."""'}, {"odd/found.toml": text}, requires=BOUNDS)) == checks


TASK = '''"""A plugin inside a test."""
from mbo_core.plugins.hookspecs import hookimpl

@hookimpl
def mbo_tasks():
    """One task."""
    import numpy as np
    from mbo_core.errors import TaskError
    from mbo_core.tasks import Task, TaskInfo, TaskOffer

    info = TaskInfo("a toy", source="drawn here", licence="none", oracle="table", citation="nobody", comparable="no")
    x = np.arange(20.0).reshape(10, 2)

    class Oracle:
        def score(self, designs):
            return designs.sum(1)

    def missing():
        return None

    def load():
        return Task("toy", x, x.sum(1), oracle=Oracle(), info=info)

    return [TaskOffer("toy", "continuous", info, load, missing)]
'''
TASKS = {
    "keeps all rules": (("", ""), set()),
    "has no licence": (('"none"', '""'), {"task-info"}),
    "cites nobody": (('"nobody"', '""'), {"task-info"}),
    "has an oracle of no kind": (('oracle="table"', 'oracle="crystal"'), {"task-info"}),
    "is called otherwise once loaded": (('Task("toy"', 'Task("tot"'), {"task-loads"}),
    "says other things once loaded": (("oracle=Oracle(), info=info", "oracle=Oracle()"), {"task-loads"}),
    "has equal ends": (("info=info)", "info=info, y_min=1.0, y_max=1.0)"), {"task-loads"}),
    "loads though something is missing": (("return None", "return 'a file'"), {"task-loads"}),
    "scores at random": (("return designs.sum(1)", "return np.random.default_rng().random(len(designs))"), {"oracle"}),
    "scores a column": (("designs.sum(1)", "designs.sum(1, keepdims=True)"), {"oracle"}),
    "scores against the mean": (("designs.sum(1)", "designs.sum(1) - designs.mean()"), {"oracle"}),
    "scores other than its table": (("designs.sum(1)", "designs.sum(1) + 1"), {"oracle"}),
    "changes the designs": (("return designs.sum(1)", "designs *= 1.5; return designs.sum(1)"), {"oracle"}),
}


@pytest.mark.parametrize(("change", "checks"), TASKS.values(), ids=TASKS)
def test_a_bad_task_fails_one_check(change, checks, install):
    """The check of the rule it breaks, and no other."""
    assert failing(install({"odd": TASK.replace(*change)}, requires=BOUNDS)) == checks


def test_a_task_that_is_not_ready_is_skipped(install):
    """The outcome says what is missing."""
    refuses = "raise TaskError('there is no file', 'fetch it')"
    text = TASK.replace("return None", "return 'a file'").replace("return Task(", f"{refuses}; return Task(")
    found = [case.outcome for case in cases("odd", install({"odd": text}, requires=BOUNDS))]
    assert {one.check: one.reason for one in found if one.status == "skipped"} == dict.fromkeys(
        ("task-loads", "oracle"), "not ready here: a file"
    )


SETTINGS = {
    "an unknown table": ("[smal.update.odd]\n", 'did you mean "small"?'),
    "an unknown stage": ("[small.update.od]\ncandidates = 4\n", 'did you mean "odd"?'),
    "an unknown kind": ("[small.updat.odd]\ncandidates = 4\n", 'did you mean "update"?'),
    "an unknown option": ("[small.update.odd]\ncandidate = 4\n", 'did you mean "candidates"?'),
    "a value out of range": ("[small.update.odd]\ncandidates = 0\n", "candidates is 0, below 1"),
    "a waiver without a reason": ('[waived]\nrows = ""\n', 'the waiver "rows" has no reason'),
    "a waiver of no check": ('[waived]\nrow = "why"\n', 'did you mean "rows"?'),
    "a waiver of no subject": ('[waived]\n"rows: proxy odd" = "why"\n', "rows does not apply to proxy odd"),
    "a waiver that is not needed": ('[waived]\nnames = "why"\n', "unneeded waiver"),
    "no TOML": ("[small", "is not valid TOML"),
}


def with_settings(install, tmp_path, text: str, body: str = ""):
    registry = install({"odd": offering("KeepBetter", body)}, requires=BOUNDS)
    (tmp_path / "site-packages" / "mbo_odd" / "conformance.toml").write_text(text)
    return registry


@pytest.mark.parametrize(("text", "words"), SETTINGS.values(), ids=SETTINGS)
def test_mistakes_in_settings_are_named_failures(text, words, install, tmp_path):
    registry = with_settings(install, tmp_path, text)
    made = [case for case in cases("odd", registry) if case.check.name in {"settings", "waivers"}]
    [failed] = [case.outcome for case in made if case.outcome.status == "failed"]
    assert words in str(failed)


def test_small_options_shrink_stages_and_recipes(install, tmp_path):
    registry = with_settings(install, tmp_path, "[small.update.odd]\ncandidates = 4\n")
    assert small(registry) == {("update", "odd"): {"candidates": 4}}
    (tmp_path / "mine.toml").write_text('[update]\nuse = "odd"\n')
    assert assignments(tmp_path / "mine.toml", registry, "discrete") == ["update.candidates=4"]
    assert assignments(tmp_path / "mine.toml", registry, "discrete", candidates=5) == ["update.candidates=4"]


@pytest.mark.slow
def test_a_waived_failure_is_listed(install, tmp_path, monkeypatch):
    """With its reason."""
    registry = with_settings(
        install, tmp_path, '[waived]\nnames = "an old name"\n', "Size: int = option(3, 'its size')"
    )
    monkeypatch.setattr("mbo_core.plugins.registry.installed", lambda without=(): registry)
    done = CliRunner().invoke(main, ["plugins", "check", "odd", "--json"])
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["passed"]) == (0, True)
    [waived] = [one for one in answer["outcomes"] if one["status"] == "waived"]
    assert (waived["check"], waived["subject"], waived["reason"]) == ("names", "update odd", "an old name")


def test_the_command_reports_checks_and_failures(install, monkeypatch):
    registry = install({"odd": '"""Nothing."""'}, requires=BOUNDS)
    monkeypatch.setattr("mbo_core.plugins.registry.installed", lambda without=(): registry)
    done = CliRunner().invoke(main, ["plugins", "check", "odd"])
    assert done.exit_code == 1
    assert "hooks[odd] failed: the plugin has no hook, no recipe and no command" in done.stdout
    assert "hint: implement mbo_stages or mbo_tasks" in done.stdout
    assert "4 passed, 1 failed, 0 waived, 0 skipped" in done.stdout
    assert "checking odd" in done.stderr


def test_an_uninstalled_plugin_is_not_checked(install):
    with pytest.raises(mbo.RecipeError, match='did you mean "odd"'):
        cases("ood", install({"odd": FINE}))
    with pytest.raises(mbo.RecipeError, match="unknown plugin"):
        conformance("nothing of that name")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_says_its_rule_in_one_line(check):
    assert check.doc.endswith(".")
