"""Each check of a stage fails on what breaks its rule, and no other does; what keeps all rules passes."""

from __future__ import annotations

import pytest
from odd import BOUNDS, failing, offering

UPDATES = {
    "draws from torch's generator, in a loop": (
        "lift = 'loop'\ndef step(self, key, state, data, number):\n"
        "    return state._replace(x=torch.rand_like(state.x)), {}",
        {"same-key", "seed-alone", "global-generators"},
    ),
    "draws from torch's generator, under vmap": (
        "def step(self, key, state, data, number):\n    return state._replace(x=torch.rand_like(state.x)), {}",
        {"runs"},
    ),
    "lets seeds see each other": (
        "lift = 'loop'\ndef init(self, key, data, proxy_state, seen=[]):\n    seen.append(key)\n"
        "    state = super(Odd, self).init(key, data, proxy_state)\n    return state._replace(x=state.x + len(seen))",
        {"same-key", "seed-alone"},
    ),
    "writes to the data": (
        "def step(self, key, state, data, number):\n    data.x[0] += 1\n"
        "    return super(Odd, self).step(key, state, data, number)",
        {"inputs-untouched"},
    ),
    "proposes too few": ("def designs(self, state):\n    return state.x[: max(1, len(state.x) - 1)]", {"designs"}),
    "proposes NaN": ("def designs(self, state):\n    return state.x * torch.nan", {"designs"}),
    "proposes columns": ("def designs(self, state):\n    return state.x[:, :1]", {"runs"}),
    "trips over equal scores": (
        "def check(self, data):\n    int(1 / data.y.std(correction=0))",
        {"rows"},
    ),
    "refuses rows where it only counts": (
        "def check(self, data):\n    pass\ndef length(self, data):\n    super(Odd, self).check(data)\n    return 2",
        {"length"},
    ),
    "takes more steps of training than it says": (
        "def step(self, key, state, data, number):\n"
        "    batch = Batch(data.x, data.y, torch.ones_like(data.y))\n"
        "    trained, _ = self.proxy.step(key, state.proxy, batch)\n"
        "    return super(Odd, self).step(key, state._replace(proxy=trained), data, number)",
        {"needs"},
    ),
    "uses what it has looked for": (
        "def step(self, key, state, data, number):\n"
        "    known = 'members' in self.proxy.abilities\n"
        "    ask = self.proxy.predict_members if known else self.proxy.predict\n"
        "    return state._replace(x=state.x + ask(state.proxy, state.x).mean.mean()), {}",
        set(),
    ),
    "climbs a slope and does not say so": (
        "def step(self, key, state, data, number):\n"
        "    slope = grad(lambda x: self.proxy.predict(state.proxy, x).mean.sum())(state.x)\n"
        "    return state._replace(x=state.x + slope.detach()), {}",
        {"needs"},
    ),
    "uses the size of a prediction and needs but its order": (
        "def step(self, key, state, data, number):\n"
        "    return state._replace(x=state.x + self.proxy.predict(state.proxy, state.x).mean[:, None]), {}",
        {"needs"},
    ),
    "looks at the spread and does not say so": (
        "def step(self, key, state, data, number):\n"
        "    return state._replace(x=state.x + self.proxy.predict(state.proxy, state.x).std[:, None]), {}",
        {"needs"},
    ),
    "notes an info that it does not declare": ("notes = {'stopped': 'it stopped early'}", {"infos"}),
    "gives an info that it does not declare": (
        "def step(self, key, state, data, number):\n    return state, {'predictd': data.y.mean()}",
        {"runs"},
    ),
    "needs what there is not": (
        "@property\ndef needs(self):\n    return frozenset({'values', 'mbo-odd:magic'})",
        {"fits"},
    ),
    "has no option with a meaning": ("size: int = 3", {"meanings"}),
    "has an option in capitals": ("Size: int = option(3, 'its size')", {"names"}),
    "has a default beyond its limits": (
        "size: int = option(0, 'its size', at_least=1)",
        {"bad-options", "options-round-trip"},
    ),
    "has a default beyond its limits on one kind": (
        "size: int = option(1, 'its size', at_least=1, discrete=0)",
        {"bad-options"},
    ),
    "changes an option": (
        "size: int = option(0, 'its size')\n"
        "def __post_init__(self):\n    object.__setattr__(self, 'size', self.size + 1)",
        {"options-round-trip"},
    ),
}
VALUES = "trains_against = frozenset()\nabilities = frozenset({'values'})\n"
PLAIN = (
    "def predict(self, state, x):\n    mean = super(Odd, self).predict(state, x).mean\n"
    "    return Prediction(MEAN, torch.zeros_like(mean))\n"
)
STEP = "def step(self, key, state, batch):\n    BEFORE\n    return super(Odd, self).step(key, state, batch)\n"


def able(*abilities: str) -> str:
    return f"trains_against = frozenset()\nabilities = frozenset({{'values', *{abilities}}})\n"


PROXIES = {
    "keeps all rules": ("", set()),
    "needs more rows than there are": (
        VALUES + PLAIN.replace("MEAN", "mean") + "def schedule(self, data):\n    return Schedule(1, 128, held_out=200)",
        {"runs"},
    ),
    "lets designs see each other": (VALUES + PLAIN.replace("MEAN", "mean - mean.mean()"), {"order"}),
    "predicts in units of its own": (VALUES + PLAIN.replace("MEAN", "1000 + mean"), {"values"}),
    "ranks in units of its own": (
        VALUES.replace("values", "order") + PLAIN.replace("MEAN", "1000 + mean"),
        set(),
    ),
    "ranks upside down": (
        VALUES.replace("'values'", "'order', 'partial_fit'") + PLAIN.replace("MEAN", "-mean"),
        {"order"},
    ),
    "ranks upside down without training": (
        VALUES.replace("values", "order") + "def schedule(self, data):\n    return Schedule(0, 1)\n"
        "def predict(self, state, x):\n    return Prediction((x - 1).square().sum(1), torch.zeros(len(x)))\n",
        {"order"},
    ),
    "predicts a column": (VALUES + PLAIN.replace("MEAN", "mean[:, None]"), {"runs"}),
    "writes to its state": (
        able("uncertainty") + STEP.replace("BEFORE", "state.params[0]['bias'].add_(1)"),
        {"inputs-untouched"},
    ),
    "changes its state's structure when it finishes": (
        VALUES
        + PLAIN.replace("MEAN", "mean")
        + "def finish(self, key, state, data):\n    return state._replace(optimiser=data.y)",
        {"state-like-init"},
    ),
    "writes to its state when it finishes": (
        able("uncertainty")
        + "def finish(self, key, state, data):\n    state.params[0]['bias'].add_(1)\n    return state",
        {"inputs-untouched"},
    ),
    "has no slope": (able("gradients") + PLAIN.replace("MEAN", "mean.detach()"), {"gradients"}),
    "has a spread of 0": (able("uncertainty") + PLAIN.replace("MEAN", "mean"), {"uncertainty"}),
    "has a spread and does not say so": (VALUES, {"uncertainty"}),
    "ignores weights": (
        able("uncertainty", "partial_fit")
        + STEP.replace("BEFORE", "batch = batch._replace(w=torch.ones_like(batch.w))"),
        {"partial-fit"},
    ),
    "cannot take a single row": (
        able("uncertainty", "partial_fit")
        + STEP.replace("BEFORE", "batch = batch._replace(w=batch.w / (len(batch.w) - 1))"),
        {"partial-fit"},
    ),
    "tells all members the same": (
        able("uncertainty", "members")
        + STEP.replace("BEFORE", "batch = batch._replace(y=batch.y.view(-1, len(batch.w))[0])"),
        {"members"},
    ),
    "has a loss without weights": (
        able("uncertainty", "params") + "def model(self, state):\n    model = super(Odd, self).model(state)\n"
        "    return model._replace(loss=lambda params, batch: batch.y.square().mean())",
        {"params"},
    ),
    "has a model without what is fixed": (
        VALUES.replace("'values'", "'values', 'params'")
        + "def init(self, key, data):\n    able = super(Odd, self).init(key, data)\n"
        "    return able._replace(adversary=data.y.amax() + 1)\n"
        "def step(self, key, state, batch):\n    return state, {'loss': batch.y.mean()}\n"
        + PLAIN.replace("MEAN", "mean * state.adversary"),
        {"params"},
    ),
    "has a model with a slope of its own": (
        able("uncertainty", "params") + "def model(self, state):\n    model = super(Odd, self).model(state)\n"
        "    return model._replace(closed_input_gradient=lambda params, x: 1.1 * model.input_gradient(params, x))",
        {"params"},
    ),
    "keeps what no file can hold": (
        VALUES + "lift = 'loop'\ndef init(self, key, data):\n"
        "    return {'able': super(Odd, self).init(key, data), 'odd': object()}\n"
        "def step(self, key, state, batch):\n    able, info = super(Odd, self).step(key, state['able'], batch)\n"
        "    return {**state, 'able': able}, info\n"
        + PLAIN.replace("(state, x)", "(state['able'], x)").replace("MEAN", "mean"),
        {"state-on-disk"},
    ),
    "trains_against less than it says": (
        "abilities = frozenset({'values', 'uncertainty'})\n"
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
        "def init(self, key, table):\n    table.oracle.score(table.x)\n    return super(Odd, self).init(key, table)",
        {"runs"},
    ),
    "an encoding that is random": (
        "Standardised",
        "def encode(self, state, x, calls=[]):\n    calls.append(1)\n"
        "    return super(Odd, self).encode(state, x) + len(calls)",
        {"encode-decode", "same-key", "seed-alone"},
    ),
    "an objective that keeps all rules": ("PredictedScore", "", set()),
    "an objective that sees other designs": (
        "PredictedScore",
        "def score(self, state, x, prediction):\n    return prediction.mean - x.mean()",
        {"objective"},
    ),
    "an objective that uses the spread and does not say so": (
        "PredictedScore",
        "def score(self, state, x, prediction):\n    return prediction.mean - (1 + x[:, 0] ** 2) * prediction.std",
        {"needs"},
    ),
    "an evaluator without raw scores": (
        "OracleEvaluation",
        "def score(self, designs, task):\n    scores = super(Odd, self).score(designs, task)\n"
        "    return {'normalised': scores['normalised']}",
        {"scores"},
    ),
}
STAGES = {
    **{f"an update that {name}": ("KeepBetter", *rest) for name, rest in UPDATES.items()},
    **{f"a proxy that {name}": ("AbleProxy", *rest) for name, rest in PROXIES.items()},
    **OTHERS,
}


def geared(stages):
    """In the default gear each check fails once; others that fail it are slow."""
    seen = set()
    for name, (base, body, checks) in stages.items():
        yield pytest.param(base, body, checks, id=name, marks=pytest.mark.slow if checks <= seen else ())
        seen |= checks


@pytest.mark.parametrize(("base", "body", "checks"), [*geared(STAGES)])
def test_a_bad_stage_fails_one_check(base, body, checks, install):
    """The check of the rule it breaks, and no other."""
    assert failing(install({"odd": offering(base, body)}, requires=BOUNDS)) == checks


OUTSIDE = {
    "an adversary": (
        "ShiftDesigns",
        "def mine(self, key, state, model, start, batch):\n"
        "    found, _ = super(Odd, self).mine(key, state, model, start, batch)\n"
        "    return found._replace(x=found.x + 1), state",
        "mined-inside",
    ),
    "an update": (
        "KeepBetter",
        "def step(self, key, state, data, number):\n"
        "    state, info = super(Odd, self).step(key, state, data, number)\n"
        "    return state._replace(x=state.x + 1), info",
        "stays-inside",
    ),
}


@pytest.mark.parametrize(("base", "body", "check"), OUTSIDE.values(), ids=OUTSIDE)
def test_a_move_out_of_the_space_fails(base, body, check, install):
    assert failing(install({"odd": offering(base, body)}, requires=BOUNDS), "mixed") == {check}
