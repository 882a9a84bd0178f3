"""A recipe resolves to parts that fit each other, or every mistake in it is said with its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distribution
from pathlib import Path
from typing import Literal

import pytest

from mbo_core.document import parse, read
from mbo_core.encoding import OneHot, SoftLogits, Standardised
from mbo_core.errors import MboError, RecipeError
from mbo_core.hookspecs import ENTRY_POINTS, hookimpl
from mbo_core.options import option, part
from mbo_core.parts import NoAdversary, NoProxy, NoUpdate
from mbo_core.plugins import Registry
from mbo_core.recipe import find, fits_kinds, recorded_run, resolve
from mbo_core.stages import Adversary, Proxy, Update
from mbo_core.task import TaskInfo, TaskOffer


@dataclass(frozen=True, kw_only=True)
class Shake(NoAdversary):
    name = "shake"
    moves = frozenset({"designs"})
    steps: int = option(3, "number of steps", at_least=0)


@dataclass(frozen=True, kw_only=True)
class Sturdy(NoProxy):
    name = "sturdy"
    abilities = frozenset({"values", "gradients"})
    withstands = frozenset({"designs"})
    adversary: Adversary = part("what it is trained against")
    epochs: int = option(10, "passes over the data", at_least=1)
    rate: float = option(0.1, "learning rate", above=0.0)
    hidden: tuple[int, ...] = option((8, 8), "widths", at_least=1)
    bootstrap: bool = option(True, "draw with replacement")
    shuffle: Literal["shared", "own"] = option("shared", "the order")

    def __post_init__(self) -> None:
        if self.bootstrap and self.shuffle == "own":
            raise ValueError("a bootstrap of one's own order is not implemented")


@dataclass(frozen=True, kw_only=True)
class Plain(NoProxy):
    name = "plain"
    abilities = frozenset({"values"})
    accepts = frozenset({"one-hot"})


@dataclass(frozen=True, kw_only=True)
class Climb(NoUpdate):
    name = "climb"
    proxy: Proxy = part("the proxy to climb")
    steps: int = option(200, "number of steps", at_least=0)

    @property
    def needs(self):
        return frozenset({"values", "gradients"})


@dataclass(frozen=True, kw_only=True)
class Twice(NoUpdate):
    name = "twice"
    inner: Update = part("the search that is done twice")


@hookimpl
def mbo_stages():
    return [Shake, Sturdy, Plain, Climb, Twice]


@hookimpl
def mbo_tasks():
    return [TaskOffer("tokens", "discrete", TaskInfo("a toy"), lambda: None)]


REGISTRY = Registry([(EntryPoint("here", __name__, ENTRY_POINTS), distribution("mbo-core"))])
FULL = """
[method]
name = "full"
summary = "all at once"
deviations = ["one", "two"]
[published.tokens]
100th = [0.9, 0.1]
[encoding]
use = "soft-logits"
mass = 0.7
[adversary]
use = "shake"
steps = 1
[proxy]
use = "sturdy"
epochs = 2
rate = 3e-4
hidden = [16]
bootstrap = false
shuffle = "own"
[update]
use = "twice"
inner = { use = "twice", inner = { use = "climb", steps = 7 } }
"""


def recipe(text: str, kind="discrete", name: str = "mine", **more):
    return resolve(parse(text, name), REGISTRY, kind=kind, **more)


def refusal(text: str, kind="discrete", **more) -> RecipeError:
    with pytest.raises(RecipeError) as refused:
        recipe(text, kind, **more)
    return refused.value


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


LAYERS = {
    "parent": "",
    "recipe": "proxy.epochs = 2",
    "kind": "when.discrete.proxy.epochs = 3",
    "task": "when.tokens.proxy.epochs = 4",
    "preset": "preset.quick.proxy.epochs = 5",
    "set": "",
}


@pytest.mark.parametrize("top", range(len(LAYERS)), ids=LAYERS)
def test_each_layer_lies_over_the_one_before_wherever_it_stands_in_the_file(top, tmp_path):
    lines = [*list(LAYERS.values())[top::-1], 'extends = "parent.toml"']
    written(tmp_path, parent='[proxy]\nuse = "sturdy"\nepochs = 1', child="\n".join(lines))
    sets = ["proxy.epochs=6"] if top == 5 else []
    preset = "quick" if top >= 4 else None
    child = read(tmp_path / "child.toml")
    resolved = resolve(child, REGISTRY, kind="discrete", task="tokens", preset=preset, sets=sets)
    assert resolved.proxy.epochs == top + 1
    assert resolved.preset == preset


def test_what_is_meant_for_another_kind_task_or_preset_is_left_alone():
    text = "\n".join(["proxy.use = 'sturdy'", *LAYERS.values()])
    assert recipe(text, "continuous", task="other").proxy.epochs == 2
    assert recipe(text, "discrete", task=None).proxy.epochs == 3


def test_a_recipe_that_says_nothing_has_the_silent_parts():
    for kind, encoding in (("continuous", Standardised()), ("discrete", SoftLogits())):
        resolved = recipe("", kind)
        assert [stage.name for stage in resolved.stages().values()][1:] == ["none", "none", "none", "oracle"]
        assert resolved.encoding == encoding
        assert resolved.name == "mine"


def test_a_field_named_adversary_or_proxy_holds_the_recipes():
    resolved = recipe(FULL)
    assert resolved.proxy.adversary is resolved.adversary
    assert resolved.update.inner.inner.proxy is resolved.proxy
    assert resolved.adversary == Shake(steps=1)


def test_a_whole_number_is_a_real_one_and_a_list_is_a_tuple():
    proxy = recipe('[proxy]\nuse = "sturdy"\nrate = 1\nhidden = [4, 4]').proxy
    assert (proxy.rate, type(proxy.rate), proxy.hidden) == (1.0, float, (4, 4))


def test_another_stage_starts_from_its_own_defaults():
    text = '[encoding]\nuse = "soft-logits"\nmass = 0.9\n[when.tokens.encoding]\nuse = "one-hot"'
    assert recipe(text).encoding == SoftLogits(mass=0.9)
    assert recipe(text, task="tokens").encoding == OneHot()


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_set_does_not_depend_on_its_order(reverse):
    sets = [
        "proxy.use=sturdy",
        "proxy.epochs=3",
        "update = {use = 'twice'}",
        "update.inner.use=climb",
        "update.inner.steps=5",
    ]
    resolved = recipe("", sets=sets[::-1] if reverse else sets)
    assert resolved.proxy.epochs == 3
    assert resolved.update.inner.steps == 5


def test_a_parent_is_a_file_beside_or_a_method(install, tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    method = '[method]\nname = "shipped"\npaper = "a paper"\n[encoding]\nmass = 0.9'
    registry = install({"good": ""}, {"good/shipped.toml": method})
    (tmp_path / "shipped").mkdir()
    written(tmp_path / "shipped", recipe="[encoding]\nmass = 0.1")
    monkeypatch.chdir(tmp_path)
    written(tmp_path, a='extends = "b.toml"', b='extends = "shipped"')
    child = resolve(read(tmp_path / "a.toml"), registry, kind="discrete")
    assert child.encoding.mass == 0.9
    assert child.about == {"name": "a", "paper": "a paper"}


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"a": "a.toml"}, "a.toml:1: extends goes round in a circle: a.toml -> a.toml"),
        ({"a": "b.toml", "b": "a.toml"}, "a.toml:1: extends goes round in a circle: b.toml -> a.toml -> b.toml"),
        ({"a": "b.toml", "b": "c.toml", "c": "b.toml"}, "c.toml:1: extends goes round in a circle: b.toml -> c.toml"),
    ],
)
def test_a_circle_of_parents_is_refused(files, circle, tmp_path):
    written(tmp_path, **{name: f'extends = "{parent}"' for name, parent in files.items()})
    with pytest.raises(RecipeError) as refused:
        resolve(read(tmp_path / "a.toml"), REGISTRY, kind="discrete")
    assert circle in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sets", "message", "hint"),
    [
        ("[proxi]\nepochs = 1", [], 'mine:1: "proxi" is no part of a recipe', 'did you mean "proxy"?'),
        ("[prest.quick]", [], 'mine:1: "prest" is no part of a recipe', 'did you mean "preset"?'),
        ("[method]\nsumary = 'a'", [], 'mine:2: method has no key "sumary"', 'did you mean "summary"?'),
        ("[run]\ntasks = 'a'", [], 'mine:2: run has no key "tasks"', 'did you mean "task"?'),
        ("[when.discrete]\n\nproxi.epochs = 1", [], 'mine:3: "proxi" is no stage', 'did you mean "proxy"?'),
        ("[preset.quick.updat]\nsteps = 1", [], 'mine:1: "updat" is no stage', 'did you mean "update"?'),
        ("\n[when.discret]", [], 'mine:2: "discret" is neither a kind of task nor a', 'did you mean "discrete"?'),
        ("\n[when.token]", [], 'mine:2: "token" is neither a kind of task nor a', 'did you mean "tokens"?'),
        ("\n[proxy]\nuse = 'sturdi'", [], 'mine:3: there is no proxy "sturdi"', 'did you mean "sturdy"?'),
        (
            "[update]\nuse = 'twice'\ninner.use = 'clim'",
            [],
            'mine:3: there is no update "clim"',
            'did you mean "climb"?',
        ),
        (
            "[update]\nuse = 'twice'",
            [],
            "mine:1: update.inner names no stage",
            'write use = "..." in [update.inner]',
        ),
        (
            "[proxy]\nuse = 'sturdy'\nepohcs = 3",
            [],
            'mine:3: proxy "sturdy" has no option "epohcs"',
            'did you mean "epochs"?',
        ),
        (
            "[proxy]\nuse = 'sturdy'\nadversary.steps = 3",
            [],
            'mine:3: proxy "sturdy" has no option "adversary"',
            "known: bootstrap, epochs, hidden, rate, shuffle",
        ),
        (
            "",
            ["proxy.use=sturdy", "proxy.epohcs=3"],
            '--set proxy.epohcs=3: proxy "sturdy" has no option "epohcs"',
            'did you mean "epochs"?',
        ),
        ("", ["proxi.epochs=3"], '--set proxi.epochs=3: "proxi" is no stage', 'did you mean "proxy"?'),
        ("", ["proxy=sturdy"], "--set proxy=sturdy: proxy is a table", "name its stage with proxy.use"),
        ("", ["proxy"], "--set proxy is not an assignment", "write --set section.option=VALUE, e.g. proxy.epochs=5"),
        ("proxy = 'sturdy'", [], "mine:1: proxy is a table", "write [proxy]"),
        ("when.discrete = 5", [], "mine:1: when.discrete is a table", "write [when.discrete]"),
        ("preset.quick = 5", [], "mine:1: preset.quick is a table", "write [preset.quick]"),
        (
            "[when.continuous]\nproxy = 'sturdy'",
            [],
            "mine:2: proxy is a table",
            "name its stage with proxy.use",
        ),
        ("[proxy]\nuse = 5", [], "mine:2: proxy names no stage", 'write use = "..." in [proxy]'),
        ("[proxy]\nuse.name = 'sturdy'", [], "mine:2: proxy names no stage", 'write use = "..." in [proxy]'),
        ("[method]\nname = 5", [], "mine:2: method.name is a string", None),
        ("extends = 5", [], "mine:1: extends names one method or file", None),
        ("\nextends = 'nothing'", [], 'mine:2: there is no method "nothing"', "there are none"),
        (
            "extends = 'no/file.toml'",
            [],
            "mine:1: cannot read the recipe no/file.toml: No such file or directory",
            None,
        ),
        (
            "[proxy]\nuse = 'sturdy'\nshuffle = 'own'",
            [],
            'mine:1: proxy "sturdy": a bootstrap of one\'s own order is not implemented',
            None,
        ),
    ],
)
def test_a_mistake_is_said_with_its_place_and_the_nearest_known_name(text, sets, message, hint):
    refused = refusal(text, sets=sets)
    assert refused.message.startswith(message)
    assert refused.hint == hint
    assert refused.exit_code == 2


@pytest.mark.parametrize(
    ("value", "reason", "hint"),
    [
        ("epochs = 'many'", "proxy.epochs is 'many', not an int", "passes over the data"),
        ("epochs = true", "proxy.epochs is True, not an int", "passes over the data"),
        ("epochs = 2.0", "proxy.epochs is 2.0, not an int", "passes over the data"),
        ("epochs = 0", "proxy.epochs is 0, below 1", "passes over the data"),
        ("epochs = { a = 1 }", "proxy.epochs is int, not a table", None),
        ("rate = nan", "proxy.rate is nan, not a finite number", "learning rate"),
        ("rate = inf", "proxy.rate is inf, not a finite number", "learning rate"),
        ("rate = 0", "proxy.rate is 0.0, not above 0.0", "learning rate"),
        ("rate = false", "proxy.rate is False, not a float", "learning rate"),
        ("hidden = 8", "proxy.hidden is 8, not a list of int", "widths"),
        ("hidden = [8, 0]", "proxy.hidden is 0, below 1", "widths"),
        ("shuffle = 'mine'", "proxy.shuffle is 'mine', not one of 'shared', 'own'", "the order"),
    ],
)
def test_a_value_that_does_not_fit_is_said_with_its_place_and_meaning(value, reason, hint):
    refused = refusal(f'[proxy]\nuse = "sturdy"\n{value}')
    assert (refused.message, refused.hint) == (f"mine:3: {reason}", hint)


def test_a_preset_that_is_not_there_is_refused():
    refused = refusal("[preset.quick]\n[preset.large]", preset="quik")
    assert refused.message == 'there is no preset "quik" in this recipe'
    assert refused.hint == 'did you mean "quick"?'


def test_all_mistakes_are_said_at_once_each_in_its_own_file(tmp_path):
    parent = "[proxy]\nuse = 'sturdy'\nrate = -1\n[when.discrete.updat]\nsteps = 1\n[method]\nsumary = 'a'"
    child = "extends = 'parent.toml'\n[encodin]\n[proxy]\nepochs = 0\nhiden = [1]"
    written(tmp_path, parent=parent, child=child)
    with pytest.raises(RecipeError) as refused:
        resolve(read(tmp_path / "child.toml"), REGISTRY, kind="discrete", sets=["adversary.use=shaek"])
    assert refused.value.message == "\n".join(
        [
            "7 mistakes in the recipe",
            "",
            'child.toml:2: "encodin" is no part of a recipe',
            '    hint: did you mean "encoding"?',
            'parent.toml:5: "updat" is no stage',
            '    hint: did you mean "update"?',
            'parent.toml:7: method has no key "sumary"',
            '    hint: did you mean "summary"?',
            '--set adversary.use=shaek: there is no adversary "shaek"',
            '    hint: did you mean "shake"?',
            "parent.toml:3: proxy.rate is -1.0, not above 0.0",
            "    hint: learning rate",
            "child.toml:4: proxy.epochs is 0, below 1",
            "    hint: passes over the data",
            'child.toml:5: proxy "sturdy" has no option "hiden"',
            '    hint: did you mean "hidden"?',
        ]
    )


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        (
            "encoding.use = 'standardised'",
            "discrete",
            'encoding "standardised" cannot encode discrete designs',
            "these fit: one-hot, soft-logits",
        ),
        (
            "encoding.use = 'one-hot'",
            "continuous",
            'encoding "one-hot" cannot encode continuous designs',
            "these fit: standardised",
        ),
        (
            "adversary.use = 'shake'\nproxy.use = 'plain'\nencoding.use = 'one-hot'",
            "discrete",
            'adversary "shake" moves "designs", which proxy "plain" does not withstand',
            "these fit: sturdy",
        ),
        (
            "adversary.use = 'shake'",
            "discrete",
            'adversary "shake" moves "designs", which proxy "none" does not withstand',
            "these fit: sturdy",
        ),
        (
            "update.use = 'climb'",
            "discrete",
            'update "climb" needs a proxy with "gradients" and "values", which "none" lacks',
            "these fit: sturdy",
        ),
        (
            "update.use = 'climb'\nproxy.use = 'plain'\nencoding.use = 'one-hot'",
            "discrete",
            'update "climb" needs a proxy with "gradients", which "plain" lacks',
            "these fit: sturdy",
        ),
        (
            "update.use = 'twice'\nupdate.inner.use = 'climb'",
            "discrete",
            'update "climb" needs a proxy with "gradients" and "values", which "none" lacks',
            "these fit: sturdy",
        ),
        ("proxy.use = 'plain'", "discrete", 'proxy "plain" does not work on real vectors', "it works on one-hot"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_the_hint_lists_what_fits(text, kind, message, hint):
    refused = refusal(text, kind)
    assert (refused.message, refused.hint) == (message, hint)


def test_every_way_in_which_parts_do_not_fit_is_said_at_once():
    text = "adversary.use = 'shake'\nproxy.use = 'plain'\nupdate.use = 'climb'\nencoding.use = 'standardised'"
    message = refusal(text).message
    assert message.startswith("4 mistakes in the recipe")
    for word in ("cannot encode discrete", "does not work on real", 'needs a proxy with "gradients"', "withstand"):
        assert word in message


def test_a_recipe_fits_one_kind_of_task_and_says_why_not_the_other():
    fits = fits_kinds(parse("[encoding]\nuse = 'one-hot'", "mine"), REGISTRY)
    assert fits["discrete"].encoding == OneHot()
    assert isinstance(fits["continuous"], MboError)


@pytest.mark.parametrize(
    ("text", "kind", "preset", "sets"),
    [
        ("", "continuous", None, []),
        ("", "discrete", None, []),
        ("proxy.use = 'sturdy'", "discrete", None, [f"proxy.rate={math.nextafter(0.1, 1)!r}", "proxy.hidden=[]"]),
        ("[preset.quick.update]\ncandidates = 7", "discrete", "quick", []),
        (FULL, "discrete", None, []),
        (FULL, "discrete", None, ["encoding.use=one-hot"]),
        (FULL, "continuous", None, ["encoding.use=standardised"]),
    ],
    ids=["silent", "silent, discrete", "all digits", "a preset", "full", "full, one-hot", "full, continuous"],
)
def test_a_recipe_that_was_written_resolves_to_an_equal_one(text, kind, preset, sets):
    first = recipe(text, kind, preset=preset, sets=sets)
    run = {"task": "tokens", "seeds": (0, 3), "preset": preset}
    toml = first.to_toml(run)
    again = recipe(toml, kind, name="recipe")
    assert again == first
    assert again.to_toml(run) == toml
    recorded = {"preset": None, **recorded_run(parse(toml, "recipe"))}
    assert recorded == {"task": "tokens", "seeds": [0, 3], "preset": preset}


def test_a_shipped_method_may_name_tasks_that_are_not_installed_and_a_person_only_the_one_at_hand(install):
    text = "[when.elsewhere.encoding]\nmass = 0.9"
    registry = install({"good": ""}, {"good/shipped.toml": text})
    assert resolve(registry.method("shipped").document, registry, kind="discrete").encoding == SoftLogits()
    assert recipe(text, task="elsewhere").encoding == SoftLogits(mass=0.9)
    assert '"elsewhere" is neither a kind of task nor a task' in str(refusal(text))


def test_a_recipe_is_found_by_file_by_folder_of_a_run_and_by_method(install, tmp_path):
    registry = install({"good": ""}, {"good/first.toml": "", "good/second.toml": ""})
    written(tmp_path, mine="")
    (tmp_path / "run").mkdir()
    written(tmp_path / "run", recipe="")
    (tmp_path / "no-ending").write_text("")
    assert find(tmp_path / "mine.toml", registry).path == tmp_path / "mine.toml"
    assert find(str(tmp_path / "run"), registry).path == tmp_path / "run" / "recipe.toml"
    assert find(tmp_path / "no-ending", registry).name == "no-ending"
    assert find("second", registry).path == registry.method("second").path
    for name, message in (("secnod", 'did you mean "second"'), ("gone.toml", "cannot read the recipe gone.toml")):
        with pytest.raises(RecipeError, match=message):
            find(name, registry)


def test_a_child_does_not_pass_its_parents_published_scores_off_as_its_own(tmp_path):
    parent, child = tmp_path / "full.toml", tmp_path / "child.toml"
    parent.write_text(FULL)
    child.write_text('extends = "full.toml"\n')
    published = [resolve(read(path), REGISTRY, kind="discrete", task="tokens").published for path in (parent, child)]
    assert published == [{"tokens": {"100th": [0.9, 0.1]}}, {}]
