"""`mbo recipe`: what can be started from, what it says, whether it is right, and new ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tomli
from click.testing import CliRunner
from jsonschema import Draft7Validator

import mbo_core
from mbo_core.cli import main
from mbo_core.recipes.layers import find
from mbo_core.recipes.resolve import fits_kinds, resolve
from mbo_core.stages.options import options

INSTALLED = mbo_core.installed()


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def mbo(*arguments: str, code: int = 0):
    done = CliRunner().invoke(main, ["recipe", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def kept(name: str, text: str) -> None:
    Path(name).write_text(text)


def test_show_prints_the_text_under_its_file():
    text = INSTALLED.method("coms").path.read_text()
    assert mbo("show", "coms").stdout == f"# {INSTALLED.method('coms').path}\n{text}"
    kept("mine.toml", "# é\n[proxy]\n")
    assert mbo("show", "mine.toml").stdout == "# mine.toml\n# é\n[proxy]\n"


@pytest.mark.parametrize(
    ("arguments", "kind", "task", "preset", "sets"),
    [
        (["--kind", "discrete"], "discrete", None, None, []),
        (["--kind", "continuous", "--preset", "quick"], "continuous", None, "quick", []),
        (["--task", "Superconductor-RandomForest-v0"], "continuous", "Superconductor-RandomForest-v0", None, []),
        (
            ["--task", "TFBind8-Exact-v0", "--set", "adversary.use=none"],
            "discrete",
            "TFBind8-Exact-v0",
            None,
            ["adversary.use=none"],
        ),
    ],
)
@pytest.mark.parametrize("name", INSTALLED.methods)
def test_a_resolved_recipe_resolves_to_itself(name, arguments, kind, task, preset, sets):
    kept("again.toml", mbo("show", name, "--resolved", *arguments).stdout)
    once = resolve(find(name, INSTALLED), INSTALLED, kind=kind, task=task, preset=preset, sets=sets)
    again = resolve(find("again.toml", INSTALLED), INSTALLED, kind=kind)
    assert again == once


def test_a_resolved_recipe_names_its_sources():
    kept("mine.toml", 'extends = "coms"\n[proxy]\nepochs = 7')
    shown = mbo("show", "mine.toml", "--resolved", "--kind", "discrete", "--set", "update.steps=3").stdout
    for line in (
        "epochs = 7  # mine.toml:3",
        "steps = 3  # --set update.steps=3",
        'use = "oracle"  # default',
        "candidates = 128  # default",
    ):
        assert f"\n{line}\n" in shown
    assert re.search(r"\noverestimation_limit = 2.0  # coms.toml:\d+\n", shown)


def test_the_kind_of_task_is_not_guessed():
    refused = mbo("show", "coms", "--resolved", code=2)
    assert refused.stdout == ""
    assert "recipe differs between continuous and discrete and mixed tasks" in refused.stderr
    assert "hint: add --kind continuous" in refused.stderr
    kept("one.toml", 'encoding.use = "one-hot"')
    kept("run.toml", 'extends = "coms"\nrun.task = "TFBind8-Exact-v0"')
    kept("other.toml", 'encoding.use = "standardised"')
    for name, use in (("one", "one-hot"), ("other", "standardised"), ("run", "soft-logits")):
        assert f'[encoding]\nuse = "{use}"' in mbo("show", f"{name}.toml", "--resolved").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "comms"], 'did you mean "coms"?'),
        (["show", "coms", "--preset", "quick"], "add --resolved"),
        (["show", "coms", "--resolved", "--kind", "discrete", "--task", "TFBind8-Exact-v0"], "remove --kind"),
        (["show", "coms", "--resolved", "--task", "TFBind"], "TFBind8-Exact-v0"),
        (["check", "https://host/coms.toml"], "is a URL"),
        (["schema", "--out", "mine.toml"], "name it mine.json"),
        (["new", "mine"], "name a method with --from"),
        (["new", "mine", "--from", "comms"], 'did you mean "coms"?'),
        (["new", "../mine", "--from", "coms"], 'letters, digits, dots, - and _: "mine"'),
        (["new", "Coms", "--from", "coms"], 'method "Coms" is already installed'),
        (["new", "mine", "--from", "coms", "--out", "mine"], "name it mine.toml"),
        (["new", "mine", "--from", "coms", "--proxy", "conservativ"], 'did you mean "conservative"?'),
        (["new", "mine", "--from", "coms", "--proxy", "regression"], "these fit: conservative"),
        (["new", "mine", "--from", "coms", "--update", "autofocus"], 'needs a proxy with "uncertainty"'),
        (["check", "cbas", "--set", "update.steps=3"], "did you mean iterations: number of steps"),
        (["check", "cbas", "--set", "update.step_size=3"], "did you mean learning_rate: "),
        (["check", "coms", "--set", "proxy.hidden=32"], "write [32]"),
        (["check", "coms", "--preset", "quik"], 'did you mean "quick"?'),
    ],
    ids=" ".join,
)
def test_a_refused_new_recipe_writes_nothing(arguments, words):
    assert words in mbo(*arguments, code=2).stderr
    assert list(Path().iterdir()) == []


def test_check_tells_what_fits():
    assert "soft-logits" in mbo("check", "coms").stdout
    checked = mbo("check", "coms", "--set", 'encoding.use="one-hot"', "--json")
    printed = json.loads(checked.stdout)
    assert list(printed["fits"]) == ["discrete tasks"]
    assert printed["fits"]["discrete tasks"]["proxy"] == "conservative"
    assert "cannot encode continuous designs" in printed["refused"]["continuous tasks"]
    assert "Quadratic2D-Exact-v0" in mbo("check", "coms", "--task", "Quadratic2D-Exact-v0").stdout


@pytest.mark.parametrize("name", INSTALLED.methods)
def test_what_ships_is_right_in_every_branch(name):
    mbo("check", name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[preset.quick.proxy]\nepohcs = 3", ["mine.toml:3", 'did you mean "epochs"?']),
        ("[preset.quick.encoding]\nepohcs = 3", ["mine.toml:3", 'has no option "epohcs"']),
        ("[preset.quick]\nproxy.use = 'regression'", ["mine.toml:2", "cannot be trained against"]),
        ("[when.discrete.proxy]\nepohcs = 3", ["mine.toml:3", 'did you mean "epochs"?']),
        ("[when.'TFBind8-Exact-v0'.proxy]\nepochs = -1", ["mine.toml:3", "is -1, below 0"]),
        ("preset.a.proxy.epochs = -1\npreset.b.proxy.epochs = -2", ["2 mistakes", "mine.toml:2", "mine.toml:3"]),
        ("[proxy]\nepohcs = 3\n[updat]\n[preset.a.proxy]\nepohcs = 3", ["3 mistakes", "mine.toml:3", "mine.toml:6"]),
        ("[encoding]\nuse = 'one-hot'\n[update]\nuse = 'nothing'", ['unknown update "nothing"']),
    ],
)
def test_check_looks_into_every_branch(text, words):
    kept("mine.toml", f'extends = "coms"\n{text}')
    said = mbo("check", "mine.toml", code=2).stderr
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "text",
    [
        "[preset.logits.encoding]\nuse = 'soft-logits'\nmass = 0.7",
        "[preset.logits.encoding]\nmass = 0.7",
        "[encoding]\nuse = 'standardised'\n[when.discrete.proxy]\nepochs = 3",
    ],
)
def test_a_branch_may_be_for_one_kind(text):
    kept("mine.toml", f'extends = "coms"\n{text}')
    mbo("check", "mine.toml")


NEW = [
    ["--from", "coms"],
    ["--from", "coms", "--update", "none"],
    ["--proxy", "regression", "--update", "gradient-ascent"],
    ["--encoding", "soft-logits"],
    ["--from", "cbas", "--update", "autofocus"],
    ["--update", "autofocus"],
]
ALIKE = [
    ["--from", "grad-ascent-mean", "--proxy", "regression"],
    ["--from", "autofocused-cbas", "--proxy", "ensemble"],
    ["--from", "roma", "--encoding", "one-hot", "--update", "gradient-ascent"],
]
"""More of the same, for the slow gear."""


@pytest.mark.parametrize(
    "arguments", [*NEW, *(pytest.param(one, marks=pytest.mark.slow) for one in ALIKE)], ids=" ".join
)
def test_a_new_recipe_is_valid(arguments):
    """Its comments hold the values that it resolves to."""
    assert mbo("new", "mine", *arguments).stdout == "mine.toml\n"
    mbo("check", "mine.toml")
    text = Path("mine.toml").read_text()
    assert text.startswith("#:schema ./recipe.schema.json\n")
    schema = json.loads(mbo("schema").stdout)
    freed = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M)
    for one in (text, freed):
        assert list(Draft7Validator(schema).iter_errors(tomli.loads(one))) == []
    kept("freed.toml", freed)
    both = [fits_kinds(find(name, INSTALLED), INSTALLED) for name in ("mine.toml", "freed.toml")]
    kind = next(kind for kind, fit in both[0].items() if not isinstance(fit, Exception))
    assert both[1][kind] == both[0][kind]
    for section in both[0][kind].stages().values():
        for option in options(type(section)).values():
            assert option.stage or f"\n# {option.name} = " in text or f"\n# {option.name}: not set" in text


def test_a_new_recipe_fills_inner_stages():
    """It also has a preset `quick`."""
    mbo("new", "mine", "--from", "cbas", "--update", "autofocus")
    new = tomli.loads(Path("mine.toml").read_text())
    assert new["update"] == {"use": "autofocus", "inner": {"use": "cbas"}}
    assert new["method"]["mix"] is True
    assert new["preset"]["quick"]["proxy"]["epochs"] == 10
    mbo("check", "mine.toml", "--preset", "quick")


def test_a_new_recipe_names_a_fitting_proxy():
    mbo("new", "mine", "--update", "cbas")
    fitting = re.search(r"Or: (.*)", Path("mine.toml").read_text())[1]
    assert tomli.loads(Path("mine.toml").read_text())["proxy"]["use"] not in (*fitting.split(", "), "none")
    mbo("check", "mine.toml")
    assert re.search("Or: .*label-bank", Path("mine.toml").read_text())


@pytest.mark.parametrize("stage", ["Regression", "regression"])
def test_a_new_recipe_with_other_stages_cites_nothing(stage):
    mbo("new", "mine", "--from", "grad-ascent", "--proxy", stage)
    about = resolve(find("mine.toml", INSTALLED), INSTALLED, kind="continuous").about
    assert {"paper", "code", "deviations"}.isdisjoint(about)


def test_a_new_recipe_states_its_requirements():
    """It also states what differs between the kinds of task."""
    mbo("new", "mine", "--from", "coms", "--out", "sub.toml")
    text = Path("sub.toml").read_text()
    assert 'requires = ["mbo-coms>=0.1.0", "mbo-grad-ascent>=0.1.0"]' in text
    assert "# step_size = 0.05  # 2.0 for discrete tasks; >= 0; " in text
    assert "\n[when.discrete.encoding]\n# soft-logits: " in text


def test_a_new_recipe_extends_a_distant_file():
    """It overwrites nothing."""
    Path("sub").mkdir()
    kept("base.toml", 'extends = "coms"')
    mbo("new", "mine", "--from", "base.toml", "--out", "sub/mine.toml")
    assert 'extends = "../base.toml"' in Path("sub/mine.toml").read_text()
    mbo("check", "sub/mine.toml")
    assert "already exists" in mbo("new", "base", "--from", "coms", code=2).stderr
    assert Path("base.toml").read_text() == 'extends = "coms"'


def test_the_schema_is_printed_or_written():
    assert mbo("schema", "--out", "recipe.schema.json").stdout == "recipe.schema.json\n"
    assert json.loads(Path("recipe.schema.json").read_text()) == json.loads(mbo("schema").stdout)
