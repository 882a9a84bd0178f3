"""Which option of a stage a person means who wrote one that it does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mbo_core.errors import nearest
from mbo_core.stages.options import Option

SYNONYMS = (
    ("steps", "iterations", "generations", "rounds", "epochs"),
    ("epochs", "passes"),
    ("step_size", "learning_rate", "lr", "rate"),
    ("hidden", "width", "layers", "units"),
    ("batch_size", "batch", "minibatch"),
    ("candidates", "samples", "designs", "population"),
    ("members", "networks", "models", "ensemble_size"),
    ("radius", "epsilon"),
    ("overestimation_limit", "tau", "alpha"),
)
"""Names of one meaning; the first that a stage has is meant."""

MOST = 3
"""A word that more options' texts hold tells nothing."""


def option_hint(name: str, known: Mapping[str, Option]) -> str:
    """The option that is spelt alike, that means the same, or whose text mentions the word.

    Args:
        name: what was written.
        known: the options that the stage has.
    """
    if not known:
        return "it has no options"
    near = nearest(name, known, cutoff=0.75)
    if near.startswith("did you mean"):
        return near
    meant = _same_meaning(name, known) or _mentioning(name, known)
    if meant:
        return "; ".join(f"did you mean {one}: {known[one].limits.doc}" for one in meant)
    return nearest(name, known, cutoff=0.7)


def _same_meaning(name: str, known: Mapping[str, Option]) -> list[str]:
    synonyms = [word for group in SYNONYMS if name in group for word in group]
    found = [option for word in synonyms for option in known if option == word or option.endswith(f"_{word}")]
    return found[:1]


def _mentioning(name: str, known: Mapping[str, Option]) -> list[str]:
    word = re.compile(rf"\b{re.escape(name.replace('_', ' '))}\b", re.IGNORECASE)
    found = [option for option, one in known.items() if word.search(one.limits.doc)]
    return found if len(found) <= MOST else []
