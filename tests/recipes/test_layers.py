"""The order of a recipe's layers, and where recipes are found."""

from __future__ import annotations

import pytest
from toy_stages import REGISTRY, recipe, refusal, written

from mbo_core.errors import RecipeError
from mbo_core.recipes.layers import find
from mbo_core.recipes.resolve import resolve
from mbo_core.stages import OneHot, SoftLogits
from mbo_core.toml import read

LAYERS = {
    "parent": "",
    "recipe": "proxy.epochs = 2",
    "kind": "when.discrete.proxy.epochs = 3",
    "task": "when.tokens.proxy.epochs = 4",
    "preset": "preset.quick.proxy.epochs = 5",
    "set": "",
}


@pytest.mark.parametrize("top", range(len(LAYERS)), ids=LAYERS)
def test_later_layers_override_earlier_ones(top, tmp_path):
    """Regardless of their order in the file."""
    lines = [*list(LAYERS.values())[top::-1], 'extends = "parent.toml"']
    written(tmp_path, parent='[proxy]\nuse = "sturdy"\nepochs = 1', child="\n".join(lines))
    sets = ["proxy.epochs=6"] if top == 5 else []
    preset = "quick" if top >= 4 else None
    child = read(tmp_path / "child.toml")
    resolved = resolve(child, REGISTRY, kind="discrete", task="tokens", preset=preset, sets=sets)
    assert resolved.proxy.epochs == top + 1
    assert resolved.preset == preset


def test_layers_for_something_else_do_not_apply():
    """Those for another kind, task or preset."""
    text = "\n".join(["proxy.use = 'sturdy'", *LAYERS.values()])
    assert recipe(text, "continuous", task="other").proxy.epochs == 2
    assert recipe(text, "discrete", task=None).proxy.epochs == 3


def test_a_layer_applies_to_prefixed_tasks():
    """A layer for the full name `prefix:task` overrides it."""
    text = "\n".join(["proxy.use = 'sturdy'", *LAYERS.values()])
    assert recipe(text, task="theirs:tokens").proxy.epochs == 4
    assert recipe(text, task="tokens:theirs").proxy.epochs == 3
    assert recipe(f"{text}\nwhen.'theirs:tokens'.proxy.epochs = 7", task="theirs:tokens").proxy.epochs == 7


def test_another_stage_starts_from_its_own_defaults():
    text = '[encoding]\nuse = "soft-logits"\nmass = 0.9\n[when.tokens.encoding]\nuse = "one-hot"'
    assert recipe(text).encoding == SoftLogits(mass=0.9)
    assert recipe(text, task="tokens").encoding == OneHot()


PARENT = """
[proxy]
use = "sturdy"
epochs = 1
[update]
use = "twice"
inner = { use = "climb", steps = 1 }
[when.discrete]
proxy.epochs = 3
update.inner.steps = 3
[when.tokens]
proxy.epochs = 4
[preset.quick]
proxy.epochs = 5
update.inner.steps = 5
encoding = { use = "one-hot" }
"""


@pytest.mark.parametrize(
    ("child", "preset", "read_off", "expected"),
    [
        ("proxy.epochs = 2", None, "proxy.epochs", 2),
        ("when.discrete.proxy.epochs = 2", None, "proxy.epochs", 2),
        ("when.continuous.proxy.epochs = 2", None, "proxy.epochs", 4),
        ("proxy.epochs = 2", "quick", "proxy.epochs", 5),
        ("proxy.epochs = 2\npreset.quick.proxy.epochs = 6", "quick", "proxy.epochs", 6),
        ("preset.own.proxy.epochs = 6", "own", "proxy.epochs", 6),
        ("preset.quick.proxy.rate = 1.0", "quick", "proxy.epochs", 5),
        ("preset.quick.when.discrete.proxy.epochs = 7", "quick", "proxy.epochs", 7),
        ("preset.quick.when.continuous.proxy.epochs = 7", "quick", "proxy.epochs", 5),
        ("preset.quick.when = { discrete.proxy.epochs = 7, tokens.proxy.epochs = 8 }", "quick", "proxy.epochs", 8),
        ("preset.own.when.discrete.proxy.epochs = 7", "quick", "proxy.epochs", 5),
        ("proxy = { use = 'sturdy', rate = 1.0 }", "quick", "proxy.epochs", 5),
        ("proxy.use = 'plain'\nupdate.use = 'none'", "quick", "proxy.name", "plain"),
        ("update.inner.use = 'none'", "quick", "update.inner.candidates", 128),
        ("update = { use = 'climb', steps = 7 }", "quick", "update.steps", 7),
        ("encoding = { use = 'soft-logits', mass = 0.9 }", "quick", "encoding.name", "one-hot"),
        ("encoding.mass = 0.9", None, "encoding.mass", 0.9),
    ],
)
def test_a_parent_is_resolved_before_its_child(child, preset, read_off, expected, tmp_path):
    """Its settings apply to its own stages only."""
    written(tmp_path, parent=PARENT, child=f"extends = 'parent.toml'\n{child}")
    value = resolve(read(tmp_path / "child.toml"), REGISTRY, kind="discrete", task="tokens", preset=preset)
    for name in read_off.split("."):
        value = getattr(value, name)
    assert value == expected


def test_a_preset_applies_to_its_own_stage(tmp_path):
    """A child that replaces the stage does not get the setting."""
    parent = "proxy.use = 'sturdy'\npreset.quick.proxy = { use = 'sturdy', epochs = 5 }"
    written(
        tmp_path, parent=parent, child="extends = 'parent.toml'\nproxy.use = 'none'\npreset.quick.encoding.mass = 0.9"
    )
    assert resolve(read(tmp_path / "child.toml"), REGISTRY, kind="discrete", preset="quick").proxy.name == "none"


def test_naming_the_default_encoding_keeps_options():
    text = "[encoding]\nmass = 0.9\n[when.tokens]\nencoding = { use = 'soft-logits', standardise = true }"
    assert recipe(text, task="tokens").encoding == SoftLogits(mass=0.9, standardise=True)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_of_sets_is_irrelevant(reverse):
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


def test_a_parent_is_a_file_or_method(install, tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    method = '[method]\nname = "shipped"\npaper = "a paper"\n[encoding]\nmass = 0.9'
    registry = install({"good": ""}, {"good/shipped.toml": method})
    (tmp_path / "shipped").mkdir()
    written(tmp_path / "shipped", recipe="[encoding]\nmass = 0.1")
    monkeypatch.chdir(tmp_path)
    written(tmp_path, a='extends = "b.toml"', b='extends = "shipped"')
    child = resolve(read(tmp_path / "a.toml"), registry, kind="discrete")
    assert child.encoding.mass == 0.9
    assert child.about == {"name": "a"}


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"a": "a.toml"}, "a.toml:1: circular extends: a.toml -> a.toml"),
        ({"a": "b.toml", "b": "a.toml"}, "b.toml:1: circular extends: a.toml -> b.toml -> a.toml"),
        ({"a": "b.toml", "b": "c.toml", "c": "b.toml"}, "circular extends: a.toml -> b.toml -> c.toml -> b.toml"),
    ],
)
def test_a_circle_of_parents_is_refused(files, circle, tmp_path):
    written(tmp_path, **{name: f'extends = "{parent}"' for name, parent in files.items()})
    with pytest.raises(RecipeError) as refused:
        resolve(read(tmp_path / "a.toml"), REGISTRY, kind="discrete")
    assert circle in str(refused.value)


def test_a_preset_that_is_not_there_is_refused():
    refused = refusal("[preset.quick]\n[preset.large]", preset="quik")
    assert refused.message == 'unknown preset "quik"'
    assert refused.hint == 'did you mean "quick"?'


@pytest.mark.parametrize("preset", ["", "proxy.epochs = 2", "proxy.use = 'sturdy'"])
def test_a_preset_without_effect_is_refused(preset):
    text = f"proxy = {{ use = 'sturdy', epochs = 2 }}\n[preset.quick]\n{preset}"
    message = 'preset "quick" changes nothing in this recipe for discrete tasks'
    assert refusal(text, preset="quick").message == message


def test_a_recipe_is_found(install, tmp_path):
    """By file, by the folder of a run, and by method."""
    registry = install({"good": ""}, {"good/first.toml": "", "good/second.toml": ""})
    written(tmp_path, mine="[proxy]")
    (tmp_path / "run").mkdir()
    written(tmp_path / "run", recipe="[proxy]")
    (tmp_path / "no-ending").write_text("[proxy]")
    assert find(tmp_path / "mine.toml", registry).path == tmp_path / "mine.toml"
    assert find(str(tmp_path / "run"), registry).path == tmp_path / "run" / "recipe.toml"
    assert find(tmp_path / "no-ending", registry).name == "no-ending"
    assert find("second", registry).path == registry.method("second").path
    for name, message in (("secnod", 'did you mean "second"'), ("gone.toml", "cannot read the recipe gone.toml")):
        with pytest.raises(RecipeError, match=message):
            find(name, registry)


def test_published_scores_are_not_inherited(tmp_path):
    parent, child = tmp_path / "full.toml", tmp_path / "child.toml"
    parent.write_text("[published.tokens]\n100th = [0.9, 0.1]")
    child.write_text('extends = "full.toml"\n')
    published = [resolve(read(path), REGISTRY, kind="discrete", task="tokens").published for path in (parent, child)]
    assert published == [{"tokens": {"100th": [0.9, 0.1]}}, {}]


NO_RECIPES = {
    "empty.toml": (b"", "the recipe empty.toml is empty"),
    "comment.toml": (b"# nothing", "the recipe comment.toml is empty"),
    "huge.toml": (b"# 34567\n" * 32_769, "recipe huge.toml is larger than 256 KB"),
    "binary.toml": (b"\x80\x04\x95", "the recipe binary.toml is not UTF-8 text"),
    "zeros.toml": (bytes(100), "zeros.toml is not valid TOML"),
    "deep.toml": (b"a = " + b"[" * 5000, "deep.toml cannot be parsed"),
    "long.toml": (b"a = " + b"1" * 5000, "long.toml cannot be parsed"),
}


@pytest.mark.parametrize("name", NO_RECIPES)
def test_an_invalid_file_is_refused(name, tmp_path, monkeypatch):
    """Also as a parent."""
    monkeypatch.chdir(tmp_path)
    content, message = NO_RECIPES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError) as refused:
        find(name, REGISTRY)
    assert refused.value.message.startswith(message)
    assert refusal(f"extends = '{name}'").message == f"mine:1: {refused.value.message}"


@pytest.mark.parametrize("name", ["folder", "folder.toml"])
def test_a_folder_that_is_no_run_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(RecipeError, match=f"{name} is a folder without a recipe.toml"):
        find(name, REGISTRY)


@pytest.mark.parametrize("url", ["https://host/mine.toml", "s3://bucket/mine.toml", "file:///mine.toml"])
def test_a_url_is_refused(url):
    with pytest.raises(RecipeError) as refused:
        find(url, REGISTRY)
    assert refused.value.message == f"{url} is a URL"
    assert refused.value.hint == "download the recipe, read it, and name its file"
    assert refusal(f"extends = '{url}'").message == f"mine:1: {url} is a URL"


def test_a_plugins_recipe_stays_in_its_folder(install, tmp_path):
    """A user's own recipe may extend a file anywhere."""
    inside = {f"good/{name}.toml": f"extends = '{parent}.toml'" for name, parent in (("out", "../base"), ("on", "in"))}
    registry = install({"good": ""}, {**inside, "good/in.toml": "encoding.mass = 0.9", "good/../base.toml": ""})
    assert resolve(registry.method("on").document, registry, kind="discrete").encoding.mass == 0.9
    with pytest.raises(RecipeError, match=r"out.toml:1: recipe of a plugin cannot extend"):
        resolve(registry.method("out").document, registry, kind="discrete")
    written(tmp_path, mine=f"extends = '{registry.method('in').path}'")
    assert resolve(read(tmp_path / "mine.toml"), registry, kind="discrete").encoding.mass == 0.9


def test_a_parents_path_is_relative_to_its_child(tmp_path):
    (tmp_path / "sub" / "sub").mkdir(parents=True)
    for folder in (".", "sub"):
        written(tmp_path / folder, mine="extends = 'sub/mine.toml'")
    written(tmp_path / "sub" / "sub", mine="encoding.mass = 0.9")
    assert resolve(read(tmp_path / "mine.toml"), REGISTRY, kind="discrete").encoding.mass == 0.9
