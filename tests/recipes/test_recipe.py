"""A recipe resolves to parts that fit each other, or every mistake in it is said with its place."""

from __future__ import annotations

import math

import pytest
from toy_stages import REGISTRY, Shake, recipe, refusal, written

from mbo_core.errors import MboError, RecipeError
from mbo_core.recipes.resolve import fits_kinds, recorded_run, resolve
from mbo_core.stages import OneHot, SoftLogits, Standardised
from mbo_core.toml import parse, read

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


def test_an_empty_recipe_has_the_default_stages():
    for kind, encoding in (("continuous", Standardised()), ("discrete", SoftLogits())):
        resolved = recipe("", kind)
        assert [stage.name for stage in resolved.stages().values()][1:] == ["none", "none", "none", "oracle"]
        assert resolved.encoding == encoding
        assert resolved.name == "mine"


def test_adversary_and_proxy_fields_hold_the_recipes():
    resolved = recipe(FULL)
    assert resolved.proxy.adversary is resolved.adversary
    assert resolved.update.inner.inner.proxy is resolved.proxy
    assert resolved.adversary == Shake(steps=1)


def test_toml_values_become_python_values():
    """An integer becomes a float, a list a tuple."""
    proxy = recipe('[proxy]\nuse = "sturdy"\nrate = 1\nhidden = [4, 4]').proxy
    assert (proxy.rate, type(proxy.rate), proxy.hidden) == (1.0, float, (4, 4))


@pytest.mark.parametrize(
    ("text", "sets", "message", "hint"),
    [
        ("[proxi]\nepochs = 1", [], 'mine:1: unknown table or key "proxi"', 'did you mean "proxy"?'),
        ("[prest.quick]", [], 'mine:1: unknown table or key "prest"', 'did you mean "preset"?'),
        ("[method]\nsumary = 'a'", [], 'mine:2: unknown key "sumary" in method', 'did you mean "summary"?'),
        ("[run]\ntasks = 'a'", [], 'mine:2: unknown key "tasks" in run', 'did you mean "task"?'),
        ("[when.discrete]\n\nproxi.epochs = 1", [], 'mine:3: unknown role "proxi"', 'did you mean "proxy"?'),
        ("[preset.quick.updat]\nsteps = 1", [], 'mine:1: unknown role "updat"', 'did you mean "update"?'),
        ("\n[when.discret]", [], 'mine:2: unknown task or kind of task "discret"', 'did you mean "discrete"?'),
        ("\n[when.token]", [], 'mine:2: unknown task or kind of task "token"', 'did you mean "tokens"?'),
        ("\n[proxy]\nuse = 'sturdi'", [], 'mine:3: unknown proxy "sturdi"', 'did you mean "sturdy"?'),
        (
            "[update]\nuse = 'twice'\ninner.use = 'clim'",
            [],
            'mine:3: unknown update "clim"',
            'did you mean "climb"?',
        ),
        (
            "[update]\nuse = 'twice'",
            [],
            "mine:1: missing stage in update.inner",
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
        ("", ["proxi.epochs=3"], '--set proxi.epochs=3: unknown role "proxi"', 'did you mean "proxy"?'),
        ("", ["proxy=sturdy"], "--set proxy=sturdy: proxy must be a table", "name its stage with proxy.use"),
        ("", ["proxy"], "invalid assignment: --set proxy", "write --set role.option=VALUE, e.g. proxy.epochs=5"),
        ("proxy = 'sturdy'", [], "mine:1: proxy must be a table", "write [proxy]"),
        ("when.discrete = 5", [], "mine:1: when.discrete must be a table", "write [when.discrete]"),
        ("preset.quick = 5", [], "mine:1: preset.quick must be a table", "write [preset.quick]"),
        (
            "[when.continuous]\nproxy = 'sturdy'",
            [],
            "mine:2: proxy must be a table",
            "name its stage with proxy.use",
        ),
        ("[proxy]\nuse = 5", [], "mine:2: missing stage in proxy", 'write use = "..." in [proxy]'),
        ("[proxy]\nuse.name = 'sturdy'", [], "mine:2: missing stage in proxy", 'write use = "..." in [proxy]'),
        ("[method]\nname = 5", [], "mine:2: method.name must be a string", None),
        ("[run]\npreset = ['quick']", [], "mine:2: run.preset must be a string", None),
        ("[run]\ntask = ['tokens']", [], "mine:2: run.task must be a string", None),
        ("[run]\npreset = 'quik'\n[preset.quick]", [], 'mine:2: unknown preset "quik"', 'did you mean "quick"?'),
        ("[published]\ntokens = 5", [], "mine:2: published scores must be a table", 'write [published."TASK"]'),
        (
            "[published.tokens]\n100th = 0.5",
            [],
            "mine:1: 100th must be a mean and a standard deviation",
            'write "100th" = [0.5, 0.1]',
        ),
        (
            "[published.tokens]\n101th = [0.5, 0.1]",
            [],
            'mine:1: unknown key "101th" in published scores',
            'did you mean "100th"?',
        ),
        ("[published.tokens]\nsource = 5", [], "mine:1: source must be a string", None),
        ("extends = 5", [], "mine:1: extends must name one method or file", None),
        ("\nextends = 'nothing'", [], 'mine:2: unknown method "nothing"', "none available"),
        (
            "extends = 'no/file.toml'",
            [],
            "mine:1: cannot read the recipe no/file.toml: No such file or directory",
            "check the path",
        ),
        (
            "[proxy]\nuse = 'sturdy'\nshuffle = 'own'",
            [],
            'mine:3: proxy "sturdy": shuffle="own" of bootstrap=true is not implemented',
            "shuffle: the order; bootstrap: draw with replacement",
        ),
        (
            "[proxy]\nuse = 'sturdy'\nshuffle = 'own'",
            ["proxy.bootstrap=true"],
            '--set proxy.bootstrap=true: proxy "sturdy": shuffle="own" of bootstrap=true is not implemented',
            "shuffle: the order; bootstrap: draw with replacement",
        ),
        (
            "\n[proxy]\nuse = 'sturdy'\nrate = 99",
            [],
            'mine:2: proxy "sturdy": too fast',
            None,
        ),
    ],
)
def test_a_mistake_has_place_and_nearest_name(text, sets, message, hint):
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
        ("hidden = 8", "proxy.hidden is 8, not a list of int", "write [8]"),
        ("hidden = [8, 0]", "proxy.hidden is 0, below 1", "widths"),
        ("shuffle = 'mine'", "proxy.shuffle is 'mine', not one of 'shared', 'own'", "the order"),
    ],
)
def test_a_bad_value_has_place_and_meaning(value, reason, hint):
    refused = refusal(f'[proxy]\nuse = "sturdy"\n{value}')
    assert (refused.message, refused.hint) == (f"mine:3: {reason}", hint)


def test_all_mistakes_are_reported_at_once(tmp_path):
    """Each with its own file."""
    parent = "[proxy]\nuse = 'sturdy'\nrate = -1\n[when.discrete.updat]\nsteps = 1\n[method]\nsumary = 'a'"
    child = "extends = 'parent.toml'\n[encodin]\n[proxy]\nepochs = 0\nhiden = [1]"
    written(tmp_path, parent=parent, child=child)
    with pytest.raises(RecipeError) as refused:
        resolve(read(tmp_path / "child.toml"), REGISTRY, kind="discrete", sets=["adversary.use=shaek"])
    assert refused.value.message == "\n".join(
        [
            "7 mistakes in the recipe",
            "",
            'child.toml:2: unknown table or key "encodin"',
            '    hint: did you mean "encoding"?',
            'parent.toml:4: unknown role "updat"',
            '    hint: did you mean "update"?',
            'parent.toml:7: unknown key "sumary" in method',
            '    hint: did you mean "summary"?',
            '--set adversary.use=shaek: unknown adversary "shaek"',
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
            "these fit: columns, one-hot, soft-logits; methods for discrete tasks: none installed",
        ),
        (
            "encoding.use = 'one-hot'",
            "continuous",
            'encoding "one-hot" cannot encode continuous designs',
            "these fit: columns, standardised; methods for continuous tasks: none installed",
        ),
        (
            "adversary.use = 'shake'\nproxy.use = 'plain'\nencoding.use = 'one-hot'",
            "discrete",
            'proxy "plain" cannot be trained against adversary "shake", which moves "designs"',
            "these fit: sturdy",
        ),
        (
            "adversary.use = 'shake'",
            "discrete",
            'proxy "none" cannot be trained against adversary "shake", which moves "designs"',
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
    ],
)
def test_stages_that_do_not_fit_are_refused(text, kind, message, hint):
    """The hint lists the stages that fit."""
    refused = refusal(text, kind)
    assert (refused.message, refused.hint) == (message, hint)


def test_all_mismatches_are_reported_at_once():
    text = "adversary.use = 'shake'\nproxy.use = 'plain'\nupdate.use = 'climb'\nencoding.use = 'standardised'"
    message = refusal(text).message
    assert message.startswith("3 mistakes in the recipe")
    for word in ("cannot encode discrete", 'needs a proxy with "gradients"', "cannot be trained against"):
        assert word in message


def test_a_recipe_may_fit_one_kind_only():
    """For the other kind the reason is given."""
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
def test_a_written_recipe_resolves_to_an_equal(text, kind, preset, sets):
    first = recipe(text, kind, preset=preset, sets=sets)
    run = {"task": "tokens", "seeds": (0, 3)}
    toml = first.to_toml(run)
    again = recipe(toml, kind, name="recipe")
    assert again == first
    assert again.to_toml(run) == toml
    told = {"applied": preset} if preset else {}
    told |= {"changed": sets} if sets else {}
    assert recorded_run(parse(toml, "recipe")) == {"task": "tokens", "seeds": [0, 3], **told}


def test_a_shipped_method_may_name_missing_tasks(install):
    """A user's recipe may name only an installed task or the one it is run on."""
    text = "[when.elsewhere.encoding]\nmass = 0.9"
    registry = install({"good": ""}, {"good/shipped.toml": text})
    assert resolve(registry.method("shipped").document, registry, kind="discrete").encoding == SoftLogits()
    assert recipe(text, task="elsewhere").encoding == SoftLogits(mass=0.9)
    assert 'unknown task or kind of task "elsewhere"' in str(refusal(text))


def test_run_preset_is_applied_but_applied_is_not():
    base = 'proxy = { use = "sturdy", epochs = 9 }\n'
    presets = "[preset.quick]\nproxy.epochs = 3\n[preset.slow]\nproxy.epochs = 20\n"
    named = f'{base}[run]\npreset = "quick"\n{presets}'
    assert (recipe(named).proxy.epochs, recipe(named).preset) == (3, "quick")
    assert recipe(named, preset="Slow").proxy.epochs == 20
    told = recipe(f'{base}[run]\napplied = "quick"\n{presets}')
    assert (told.proxy.epochs, told.preset) == (9, "quick")


PAPER = """
[method]
paper = "a paper"
code = "a repository"
deviations = ["one"]
[published.tokens]
100th = [0.9, 0.1]
[proxy]
use = "sturdy"
"""


def test_replacing_a_stage_drops_the_paper():
    kept, exchanged = (recipe(PAPER, sets=[text]) for text in ("proxy.epochs=3", "proxy.use=plain"))
    assert (kept.about["paper"], kept.published) == ("a paper", {"tokens": {"100th": [0.9, 0.1]}})
    assert {"paper", "code", "deviations"}.isdisjoint(exchanged.about)
    assert exchanged.published == {}


@pytest.mark.parametrize(
    ("text", "preset", "sets", "constants"),
    [
        (PAPER, None, [], "published constants"),
        (PAPER, None, ["proxy.epochs=3"], "published constants, 1 option set"),
        (PAPER, None, ["proxy.use=plain"], "1 option set"),
        (f"{PAPER}[preset.quick]\nproxy.epochs = 1", "quick", ["proxy.rate=1", "proxy.hidden=[]"],
         "preset quick, 2 options set"),
        (PAPER.replace("code", "mix = true\ncode"), None, [], ""),
        ("", None, [], ""),
    ],
)  # fmt: skip
def test_constants_are_called_published_only_where_they_are(text, preset, sets, constants):
    first = recipe(text, preset=preset, sets=sets)
    assert first.constants == constants
    assert recipe(first.to_toml({})).constants == constants
