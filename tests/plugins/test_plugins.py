"""A plugin that does not work is named with its reason, and all others work."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mbo_core.errors import RecipeError
from mbo_core.plugins import builtin
from mbo_core.plugins.discovery import Choice
from mbo_core.plugins.hookspecs import ENTRY_POINTS
from mbo_core.plugins.registry import Registry, _installed
from mbo_core.runs import default

IMPORTS = """
from dataclasses import dataclass
from typing import TYPE_CHECKING
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.stages import option
from mbo_core.stages import NoUpdate
from mbo_core.stages import Adversary, Stage
from mbo_core.tasks import TaskInfo, TaskOffer
if TYPE_CHECKING:
    from nowhere import Missing
"""


def stage(body: str, offers: str = "[Fine]", decorator: str = "@dataclass(frozen=True, kw_only=True)") -> str:
    """A plugin that offers a stage."""
    return f"{IMPORTS}\n{decorator}\n{body}\n@hookimpl\ndef mbo_stages():\n    return {offers}\n"


def task(offer: str) -> str:
    return f"{IMPORTS}\n@hookimpl\ndef mbo_tasks():\n    return [{offer}]\n"


FINE = "class Fine(NoUpdate):\n    name = 'fine'\n"
OFFER = "TaskOffer('bowl', 'continuous', TaskInfo('a toy'), lambda: None)"
GOOD = stage(FINE) + task(OFFER)

BROKEN = {
    "missing import": ("import nowhere_to_be_found", ["ModuleNotFoundError", "nowhere_to_be_found"]),
    "exit at import": ("import sys; sys.exit('no licence')", ["SystemExit: no licence"]),
    "syntax": ("def (", ["SyntaxError"]),
    "misspelt hook": (
        f"{IMPORTS}\n@hookimpl\ndef mbo_stagse(): ...",
        ['unknown hook "mbo_stagse"', 'did you mean "mbo_stages"?'],
    ),
    "unknown hook by specname": (
        f"{IMPORTS}\n@hookimpl(specname='mbo_task')\ndef offered(): ...",
        ['unknown hook "mbo_task"'],
    ),
    "misspelt argument": (
        f"{IMPORTS}\n@hookimpl\ndef mbo_train_proxy(runs): ...",
        ['mbo_train_proxy has no parameter "runs"', 'did you mean "run"?'],
    ),
    "hook raises": (f"{IMPORTS}\n@hookimpl\ndef mbo_stages():\n    1 / 0", ["mbo_stages raised: ZeroDivisionError"]),
    "hook exits": (
        f"{IMPORTS}\n@hookimpl\ndef mbo_tasks():\n    exit(3)",
        ["tried to end the program: SystemExit: 3"],
    ),
    "hook returns nothing": (f"{IMPORTS}\n@hookimpl\ndef mbo_tasks(): ...", ["mbo_tasks raised: TypeError"]),
    "no stage": (stage(FINE, "[5]"), ["offers 5: it is not a stage class"]),
    "another class": (stage(FINE, "[int]"), ["offers 'int': it is not a stage class"]),
    "stage of no kind": (stage("class Odd(Stage):\n    name = 'odd'", "[Odd]"), ["Odd", "derives from none of"]),
    "stage without name or method": (
        stage("class Half(Adversary): ...", "[Half]"),
        ["lacks init, mine, moves, name"],
    ),
    "stage not a dataclass": (stage(FINE.replace("'fine'", "'odd'"), decorator=""), ["is not a dataclass"]),
    "option of unknown type": (
        stage("class Odd(NoUpdate):\n    name = 'odd'\n    size: 'Missing' = option(1, 'size')", "[Odd]"),
        ["cannot be read", "'Missing'"],
    ),
    "an instance for a class": (stage(FINE, "[Fine()]"), ["it is an instance; offer the class Fine"]),
    "hook parameter with a default": (
        f"{IMPORTS}\n@hookimpl\ndef mbo_train_proxy(run=None): ...",
        ["mbo_train_proxy gives run a default, so pluggy never passes it"],
    ),
    "hook with any parameters": (
        f"{IMPORTS}\n@hookimpl\ndef mbo_train_proxy(**run): ...",
        ["mbo_train_proxy takes **run, which pluggy never fills"],
    ),
    "no task": (task("'bowl'"), ["offers 'bowl': it is not a TaskOffer"]),
    "the class of tasks": (task("TaskOffer"), ["it is the class; offer an instance of it"]),
}

DUPLICATE = {
    "stage of another": (stage(FINE), ["offers update fine, which mbo-good 1.0 already offers"]),
    "stage of the core": (stage("class Same(NoUpdate): ...", "[Same]"), ["offers update none, which mbo-core"]),
    "task of another": (task(OFFER), ["offers task bowl, which mbo-good 1.0 already offers"]),
    "two stages of one name": (
        stage(FINE.replace("'fine'", "'odd'"), "[Fine, Fine]"),
        ["offers update odd twice; the first is used"],
    ),
}


def asked(registry: Registry) -> list[str]:
    """The problems once everything was asked for."""
    registry.examine()
    return registry.problems


def works(registry: Registry, plugin: str = "good") -> bool:
    """Whether a plugin's stage and task are there, and all of the core."""
    core = {name for (_, name), offered in registry.stages.items() if offered.plugin.distribution == "mbo-core"}
    return (
        registry.stages["update", "fine"].plugin.name == plugin
        and registry.tasks["bowl"].plugin.name == plugin
        and core == {"none", "standardised", "one-hot", "soft-logits", "columns", "oracle", "prediction"}
        and registry.manager.get_plugin("core") is builtin
    )


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_in_one_line(text, words, install):
    """The others still work."""
    registry = install({"good": GOOD, "odd": text})
    [complaint] = asked(registry)
    assert works(registry)
    assert complaint.startswith("plugin odd (mbo-odd 1.0) is broken: ")
    assert "\n" not in complaint
    for word in words:
        assert word in complaint


@pytest.mark.parametrize(("text", "words"), DUPLICATE.values(), ids=DUPLICATE)
def test_a_duplicate_name_names_both_plugins(text, words, install):
    registry = install({"good": GOOD, "odd": text})
    [complaint] = asked(registry)
    assert works(registry)
    assert complaint.startswith("plugin odd (mbo-odd 1.0) is duplicate: ")
    for word in words:
        assert word in complaint
    if "already" in complaint:
        assert "(--without mbo-odd" in complaint


@pytest.mark.parametrize("text", [text for text, _ in BROKEN.values()])
def test_a_plugin_survives_an_earlier_broken_one(text, install):
    registry = install({"a": text, "good": GOOD})
    [complaint] = asked(registry)
    assert works(registry)
    assert complaint.startswith("plugin a ")


def test_one_invalid_hook_disables_all_hooks(install):
    """Those of its plugin."""
    odd = stage("class Odd(NoUpdate):\n    name = 'odd'", "[Odd]") + "@hookimpl\ndef mbo_train_proxy(runs): ..."
    registry = install({"good": GOOD, "odd": odd})
    assert len(asked(registry)) == 1
    assert works(registry)
    assert ("update", "odd") not in registry.stages


def test_plugins_that_work_give_no_complaint(install):
    registry = install({"good": GOOD, "empty": ""})
    assert asked(registry) == []
    assert works(registry)
    assert [plugin.name for plugin in registry.plugins] == ["empty", "good"]


def test_a_partly_broken_plugin_stays_usable(install):
    """All its faults are listed."""
    faulty = stage(FINE, "[5, Fine]") + task("'x', " + OFFER)
    registry = install({"odd": faulty})
    [complaint] = asked(registry)
    assert works(registry, "odd")
    assert "offers 5" in complaint
    assert "offers 'x'" in complaint


@pytest.mark.parametrize(("name", "holder"), [("good", "mbo-good"), ("core", "mbo-core")])
def test_two_plugins_of_one_name_are_told_apart(name, holder, install):
    registry = install({"good": GOOD, "other": stage(FINE.replace("'fine'", "'other'"))})
    distribution = next(one for point, one in registry.entry_points if point.name == "other")
    good = next(pair for pair in registry.entry_points if pair[0].name == "good")
    registry = Registry([good, (EntryPoint(name, "mbo_other", ENTRY_POINTS), distribution)])
    [complaint] = asked(registry)
    assert works(registry)
    assert complaint.startswith(
        f"plugin {name} (mbo-other 1.0) is duplicate: mbo-other 1.0 offers the plugin name {name}"
    )
    assert f", which {holder} " in complaint
    assert "--without mbo-other" in complaint
    assert ("update", "other") not in registry.stages


def test_a_distribution_found_twice_is_one_plugin(install, tmp_path, monkeypatch):
    install({"good": GOOD})
    again = tmp_path / "again"
    again.mkdir()
    (tmp_path / "site-packages" / "mbo_good-1.0.dist-info").rename(again / "mbo_good-1.0.dist-info")
    install({"good": GOOD})
    monkeypatch.syspath_prepend(str(again))
    found = [plugin for plugin in _installed.__wrapped__(Choice()).plugins if plugin.name == "good"]
    assert [plugin.distribution for plugin in found] == ["mbo-good"]


METHOD = '[method]\nname = "first"\nsummary = "the first"\n'


def test_methods_are_found_without_importing_their_plugin(install):
    registry = install({"lazy": "raise SystemExit"}, {"lazy/second.toml": "", "lazy/first.toml": METHOD})
    assert list(registry.methods) == ["first", "second"]
    assert registry.method("first").about == {"name": "first", "summary": "the first"}
    assert registry.method("second").about == {}
    assert "mbo_lazy" not in sys.modules
    assert registry.problems == []


def test_a_missing_module_has_no_methods(install):
    """Nor one whose parent package fails to import."""
    registry = install({"good": GOOD, "outer": "raise RuntimeError('outside')"}, {"good/first.toml": METHOD})
    distribution = registry.entry_points[0][1]
    points = [EntryPoint(value, value, ENTRY_POINTS) for value in ("mbo_gone", "mbo_outer.inner")]
    good = next(pair for pair in registry.entry_points if pair[0].name == "good")
    registry = Registry([*((point, distribution) for point in points), good])
    assert list(registry.methods) == ["first"]
    assert [line.split(": ", 1)[1] for line in asked(registry)] == [
        "cannot find the module mbo_gone",
        "cannot find the module mbo_outer.inner",
    ]
    assert works(registry)
    assert "mbo_outer" not in sys.modules


@pytest.mark.parametrize(
    ("text", "words"),
    [("[method\n", ["bad.toml is not valid TOML", "line 1"]), (b"a = '\xff'", ["bad.toml is not UTF-8 text"])],
    ids=["syntax", "latin"],
)
def test_an_unreadable_recipe_is_listed(text, words, install, tmp_path):
    """The others still work."""
    registry = install({"good": GOOD}, {"good/bad.toml": "", "good/first.toml": METHOD})
    path = tmp_path / "site-packages" / "mbo_good" / "recipes" / "bad.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    summaries = {name: method.about["summary"] for name, method in registry.methods.items()}
    [complaint] = asked(registry)
    assert works(registry)
    assert summaries["first"] == "the first"
    assert summaries["bad"].startswith("unreadable: ")
    with pytest.raises(RecipeError) as refused:
        _ = registry.method("bad").document
    for word in words:
        assert word in summaries["bad"]
        assert word in complaint
        assert word in str(refused.value)


def test_a_method_that_is_not_a_table(install):
    registry = install({"good": ""}, {"good/odd.toml": "method = 5"})
    assert registry.method("odd").about == {}


def test_a_duplicate_method_is_reported(install):
    registry = install({"a": "", "b": ""}, {"a/first.toml": METHOD, "b/first.toml": ""})
    assert registry.method("first").plugin.name == "a"
    assert registry.problems == [
        "plugin b (mbo-b 1.0) is duplicate: mbo-b 1.0 offers method first, which mbo-a 1.0 already offers "
        "(--without mbo-b or --without mbo-a excludes one)",
    ]


@pytest.mark.parametrize(
    ("find", "message", "hint"),
    [
        (lambda registry: registry.method("frist"), 'unknown method "frist"', 'did you mean "first"?'),
        (lambda registry: registry.stage("update", "fien"), 'unknown update "fien"', 'did you mean "fine"?'),
        (lambda registry: registry.stage("proxy", "fine"), 'unknown proxy "fine"', 'did you mean "none"?'),
        (lambda registry: registry.task("bwol"), 'unknown task "bwol"', 'did you mean "bowl"?'),
        (lambda registry: registry.task("xyz"), 'unknown task "xyz"', "known: bowl"),
    ],
)
def test_an_unknown_name_hints_at_the_nearest(find, message, hint, install):
    registry = install({"good": GOOD}, {"good/first.toml": METHOD})
    with pytest.raises(RecipeError) as refused:
        find(registry)
    assert refused.value.message == message
    assert refused.value.hint == hint


def test_a_task_family_answers_for_its_prefix(install):
    """Only for tasks that are not offered themselves."""
    family, member = OFFER.replace("bowl", "cup:*"), OFFER.replace("bowl", "cup:tea")
    registry = install({"good": task(f"{family}, {member}")})
    assert registry.task("cup:tea").name == "cup:tea"
    assert registry.task("cup:coffee").name == "cup:*"
    with pytest.raises(RecipeError, match='unknown task "cap:tea"\n\nhint: did you mean "cup:tea"'):
        registry.task("cap:tea")


def test_a_methods_recipe_is_its_plugins_file(install, tmp_path):
    registry = install({"good": ""}, {"good/first.toml": METHOD})
    assert registry.method("first").path == Path(tmp_path, "site-packages", "mbo_good", "recipes", "first.toml")


def test_a_wrapper_is_not_blamed_for_inner_errors(install):
    text = f"{IMPORTS}\n@hookimpl(wrapper=True)\ndef mbo_train_proxy(run):\n    return (yield)"
    registry = install({"odd": text})
    with pytest.raises(AttributeError) as raised:
        registry.hooks(default).hook.mbo_train_proxy(run=None)
    assert registry.plugin_that_raised(raised.value) is None
