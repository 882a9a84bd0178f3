"""What is known of plugins before they are imported, and what a person may leave out."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.plugins import registry as plugins
from mbo_core.plugins.discovery import Choice
from mbo_core.plugins.registry import Registry

METHOD = '[method]\nname = "first"\nsummary = "the first"\n'
STAGE = """
from mbo_core.plugins.hookspecs import hookimpl

@hookimpl
def mbo_stages():
    from dataclasses import dataclass
    from mbo_core.stages import NoUpdate

    @dataclass(frozen=True, kw_only=True)
    class Fine(NoUpdate):
        name = "fine"

    return [Fine]
"""
HOOKS = "import mbo_core\nfrom mbo_core.plugins.hookspecs import hookimpl\n"

HOSTILE = {
    "raises at import": "raise RuntimeError('no licence')",
    "exits at import": "import sys; sys.exit(3)",
    "imports torch at the top": "import torch",
    "prints at import": "print('{}')",
    "takes ten seconds": "import time; time.sleep(10)",
    "misspelt hook": f"{HOOKS}@hookimpl\ndef mbo_stagse(): ...",
    "wrong signature": f"{HOOKS}@hookimpl\ndef mbo_evaluate(run, candidate): ...",
    "hook parameter with a default": f"{HOOKS}@hookimpl\ndef mbo_evaluate(run, candidates=None): ...",
    "raises in a hook": f"{HOOKS}@hookimpl\ndef mbo_stages(): raise KeyError('x')",
    "prints in a hook": f"{HOOKS}@hookimpl\ndef mbo_stages():\n    print('{{}}')\n    return []",
    "no stage": f"{HOOKS}@hookimpl\ndef mbo_stages(): return [dict]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_listing_methods_imports_no_plugin(text, beside):
    """All methods are listed."""
    before = list(mbo.installed().methods)
    listed = beside({"odd": text}, "list-methods", "--json", recipes={"odd/first.toml": METHOD})
    assert [row["name"] for row in json.loads(listed.stdout)["methods"]] == sorted([*before, "first"])
    assert listed.stderr == ""
    assert "mbo_odd" not in sys.modules


USUAL = ("raises at import", "imports torch at the top", "prints in a hook", "no stage")
BROKEN = [
    pytest.param(text, id=name, marks=() if name in USUAL else pytest.mark.slow)
    for name, text in HOSTILE.items()
    if "sleep" not in text
]


@pytest.mark.parametrize("text", BROKEN)
def test_all_other_plugins_stay_usable(text, beside):
    here = {plugin.name for plugin in mbo.installed().plugins}
    shown = beside({"odd": text}, "plugins", "--json")
    status = {row["name"]: row["status"] for row in json.loads(shown.stdout)["plugins"]}
    assert {name for name in status if status[name] == "ok"} - {"odd"} == here
    ran = beside({}, "run", "grad-ascent", "--task", "Quadratic2D-Exact-v0", "--seeds", 1, "--json", *SMALL)
    assert json.loads(ran.stdout)["seeds"] == [0]


SMALL = ["--set", "proxy.hidden=[8]", "--set", "proxy.epochs=1", "--set", "update.steps=1"]


def test_plugins_are_listed_with_offers_and_problems(beside):
    texts = {"good": STAGE, "odd": "raise RuntimeError('no licence')"}
    shown = beside(texts, "plugins", "--json", "--without", "coms", recipes={"good/first.toml": METHOD})
    rows = {row["name"]: row for row in json.loads(shown.stdout)["plugins"]}
    assert rows["good"]["offers"] == {"methods": ["first"], "stages": ["update fine"], "tasks": [], "hooks": []}
    assert rows["timer"]["offers"]["hooks"][0] == "mbo_evaluate"
    assert rows["good"]["status"] == "ok"
    assert (rows["odd"]["status"], rows["odd"]["version"]) == ("broken", "1.0")
    assert rows["odd"]["reason"] == "cannot be imported: RuntimeError: no licence"
    assert "Traceback" in rows["odd"]["traceback"]
    assert (rows["coms"]["status"], rows["coms"]["reason"]) == ("blocked", "excluded by --without")
    assert len(shown.stderr.splitlines()) == 2


def test_the_traceback_is_shown_on_request(beside):
    texts = {"odd": "raise RuntimeError('no licence')"}
    assert "Traceback" not in beside(texts, "plugins").stdout
    verbose = beside({}, "plugins", "-v").stdout
    assert "Traceback" in verbose
    assert "mbo_odd/__init__.py" in verbose


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["list-stages", "--json", "--without", "odd"], {}),
        (["list-stages", "--json", "--without", "mbo-odd"], {}),
        (["--without", "Mbo_Odd", "list-stages", "--json"], {}),
        (["list-stages", "--json"], {"MBO_PLUGINS": "coms, mbo-good"}),
        (["list-stages", "--json"], {"MBO_PLUGINS": ""}),
    ],
)
def test_what_is_left_out_is_not_imported(arguments, environment, beside):
    listed = beside({"good": STAGE, "odd": HOSTILE["takes ten seconds"]}, *arguments, **environment)
    of = {row["plugin"] for row in json.loads(listed.stdout)["stages"]}
    assert "mbo_odd" not in sys.modules
    assert "core" in of
    assert ("good" in of) == (environment.get("MBO_PLUGINS") != "")
    assert ("roma" in of) == ("MBO_PLUGINS" not in environment)
    assert "plugin odd (mbo-odd 1.0) is blocked: " in listed.stderr


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["--without", "comss"], {}), ([], {"MBO_PLUGINS": "comss"})], ids=str
)
def test_excluding_an_unknown_plugin_is_refused(arguments, environment, beside):
    refused = beside({}, "list-methods", *arguments, **environment)
    assert refused.exit_code == 2
    assert 'unknown plugin "comss"' in refused.stderr
    assert 'did you mean "coms"?' in refused.stderr


def test_a_blocked_plugins_method_is_refused(beside):
    refused = beside({}, "run", "coms", "--task", "Quadratic2D-Exact-v0", "--without", "coms")
    assert refused.exit_code == 2
    assert 'Error: method "coms" is not available: plugin coms (mbo-coms ' in refused.stderr
    assert "is blocked: excluded by --without" in refused.stderr


@pytest.mark.parametrize(("text", "code"), [("raise RuntimeError('no licence')", 1), (STAGE, 0)], ids=["broken", "ok"])
def test_under_strict_every_plugin_has_to_be_ok(text, code, beside):
    listed = beside({"odd": text}, "list-methods", "--without", "coms", MBO_STRICT="1")
    assert listed.exit_code == code
    assert ("no licence" in listed.stderr) == bool(code)
    assert beside({}, "list-methods", MBO_STRICT="0").exit_code == 0


def test_strict_applies_to_every_command(beside):
    """Even to one that needs no plugin."""
    refused = beside({"odd": "raise RuntimeError('no licence')"}, "data", "path", MBO_STRICT="1")
    assert refused.exit_code == 1
    assert "MBO_STRICT is set and a plugin has a problem" in refused.stderr
    assert beside({}, "data", "path", MBO_STRICT="0").exit_code == 0


@pytest.mark.parametrize(
    ("needs", "status"),
    [
        ("mbo-core>=0.1,<0.2", "ok"),
        ("mbo_core>=99", "incompatible"),
        ("mbo-core>=99; python_version < '3'", "ok"),
        ("mbo-core>=99; extra == 'later'", "ok"),
        ("mbo-core ===wrong; ", "ok"),
        ("numpy>=99", "ok"),
    ],
)
def test_a_plugin_for_another_core_is_not_imported(needs, status, install):
    registry = install({"odd": STAGE}, {"odd/first.toml": METHOD}, requires=needs)
    [plugin] = registry.examine()
    assert plugin.status == status
    assert (("update", "fine") in registry.stages) == (status == "ok") == ("first" in registry.methods)
    assert ("mbo_odd" in sys.modules) == (status == "ok")
    if status != "ok":
        assert plugin.reason == f"mbo-odd 1.0 needs mbo-core >=99, but {discovered_version()} is installed"


def discovered_version() -> str:
    from importlib.metadata import version

    return version("mbo-core")


def test_a_plugin_that_raises_is_named(beside):
    """With a workaround."""
    text = HOOKS + "@hookimpl(wrapper=True)\ndef mbo_train_proxy(run):\n    1 / 0\n    yield"
    run = ("run", "grad-ascent", "--task", "Quadratic2D-Exact-v0", "--seeds", 1, *SMALL)
    failed = beside({"odd": text}, *run)
    assert failed.exit_code == 1
    assert "Error: plugin odd (mbo-odd 1.0) raised ZeroDivisionError: division by zero" in failed.stderr
    assert "hint: report the traceback to its authors; --without odd disables the plugin" in failed.stderr
    assert "Traceback" in failed.stderr
    assert beside({}, *run, "--without", "odd").exit_code == 0


def test_output_of_a_plugin_keeps_json_valid(beside):
    text = HOOKS + "@hookimpl(wrapper=True)\ndef mbo_train_proxy(run):\n    print('trained')\n    return (yield)"
    done = beside({"odd": text}, "run", "grad-ascent", "--task", "Quadratic2D-Exact-v0", "--seeds", 1, *SMALL, "--json")
    assert json.loads(done.stdout)["recipe"] == "grad-ascent"
    assert "trained" in done.stderr


def test_a_recipe_linked_from_outside_is_ignored(install, tmp_path):
    (tmp_path / "secret.toml").write_text(METHOD)
    registry = install({"odd": STAGE}, {"odd/first.toml": METHOD})
    (tmp_path / "site-packages/mbo_odd/recipes/second.toml").symlink_to(tmp_path / "secret.toml")
    assert list(registry.methods) == ["first"]
    [plugin] = registry.plugins
    assert (plugin.status, plugin.usable) == ("broken", True)
    assert "second.toml links outside its folder" in plugin.reason


def test_a_wholly_linked_package_keeps_its_methods(install, tmp_path):
    registry = install({"odd": STAGE}, {"odd/first.toml": METHOD})
    package, cache = tmp_path / "site-packages/mbo_odd", tmp_path / "cache/mbo_odd"
    (cache / "recipes").mkdir(parents=True)
    for file in ("__init__.py", "recipes/first.toml"):
        (package / file).rename(cache / file)
        (package / file).symlink_to(cache / file)
    assert list(registry.methods) == ["first"]


def test_order_is_independent_of_the_metadata(install):
    points = install({"b": STAGE, "a": STAGE, "c": STAGE}).entry_points
    for order in (points, list(reversed(points))):
        registry = Registry(order)
        assert [(plugin.name, plugin.status) for plugin in registry.examine()] == [
            ("a", "ok"),
            ("b", "duplicate"),
            ("c", "duplicate"),
        ]
        assert registry.stages["update", "fine"].plugin.name == "a"


def test_blocking_a_duplicate_frees_its_name(install):
    points = install({"a": STAGE, "b": STAGE}).entry_points
    registry = Registry(points, Choice(without=("a",)))
    assert registry.stages["update", "fine"].plugin.name == "b"
    assert [plugin.status for plugin in registry.examine()] == ["blocked", "ok"]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("mbo_odd:Plugin", "names the class Plugin"),
        ("mbo_odd:missing", "AttributeError"),
        ("mbo_odd.inner", "cannot find the module mbo_odd.inner"),
        ("mbo gone", "cannot find the module mbo gone"),
        ("", "cannot find the module"),
    ],
)
def test_an_unusable_entry_point_is_broken(value, word, install):
    from importlib.metadata import EntryPoint

    [(_, distribution)] = install({"odd": f"{STAGE}\nclass Plugin: ..."}).entry_points
    registry = Registry([(EntryPoint("odd", value, "mbo.plugins"), distribution)])
    [plugin] = registry.examine()
    assert plugin.status == "broken"
    assert word in plugin.reason


def test_an_entry_point_may_name_an_instance(install):
    from importlib.metadata import EntryPoint

    text = STAGE.replace("@hookimpl\ndef mbo_stages():", "class Plugin:\n  @hookimpl\n  def mbo_stages(self):")
    text = text.replace("\n    ", "\n        ") + "\nplugin = Plugin()"
    [(_, distribution)] = install({"odd": text}).entry_points
    registry = Registry([(EntryPoint("odd", "mbo_odd:plugin", "mbo.plugins"), distribution)])
    assert registry.examine()[0].reason == ""
    assert ("update", "fine") in registry.stages


COMMAND = "import click\n\n@click.command()\ndef greet():\n    click.echo('good morning')\n\nnothing = 5\n"


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("mbo_polite.cli:greet", 0, "good morning"),
        ("mbo_polite.cli:nothing", 1, "Error: command greet of mbo-polite 1.0 is 5, not a click command"),
        (
            "mbo_polite.missing:greet",
            1,
            "Error: command greet of mbo-polite 1.0 cannot be imported: ModuleNotFoundError",
        ),
    ],
)
def test_help_does_not_import_added_commands(value, code, words, beside, tmp_path):
    beside({"polite": ""}, "--help")
    site = tmp_path / "site-packages"
    (site / "mbo_polite/cli.py").write_text(COMMAND)
    (site / "mbo_polite-1.0.dist-info/entry_points.txt").write_text(f"[mbo.commands]\ngreet = {value}\nrun = {value}\n")
    listed = CliRunner().invoke(main, ["--help"]).stdout
    assert "from mbo-polite" in listed
    assert listed.count("run ") == 1
    assert "mbo_polite.cli" not in sys.modules
    done = CliRunner().invoke(main, ["greet"])
    assert done.exit_code == code
    assert words in done.output


def test_a_mistyped_command_of_a_plugin_is_suggested(beside, tmp_path):
    beside({"polite": ""}, "--help")
    points = tmp_path / "site-packages/mbo_polite-1.0.dist-info/entry_points.txt"
    points.write_text("[mbo.commands]\ngreet = mbo_polite.cli:greet\n")
    assert 'did you mean "greet"?' in CliRunner().invoke(main, ["gret"]).stderr


def test_every_command_says_which_plugins_are_not_ok(beside, tmp_path):
    beside({"gone": ""}, "--help")
    (tmp_path / "site-packages/mbo_gone/__init__.py").rename(tmp_path / "elsewhere.py")
    (tmp_path / "site-packages/mbo_gone").rmdir()
    sys.path_importer_cache.clear()
    for arguments in (["list-methods"], ["data", "path"], ["new", "mine", "--into", str(tmp_path)], ["list-stages"]):
        plugins._installed.cache_clear()
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        assert "warning: plugin gone (mbo-gone 1.0) is broken: cannot find the module mbo_gone" in done.stderr
