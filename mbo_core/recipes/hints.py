"""Guess which option of a stage was meant by an unknown one."""

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
"""Names with one meaning; the first that the stage has is suggested."""

MOST = 3
"""A word in the texts of more options than this is no use as a hint."""


def option_hint(name: str, known: Mapping[str, Option]) -> str:
    """A hint at an option with a similar name, with the same meaning, or whose text has the word.

    Args:
        name: what was written.
        known: the options of the stage.
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
    whole = [word for word in synonyms if word in known]
    ending = [option for word in synonyms for option in known if option.endswith(f"_{word}")]
    return (whole or ending)[:1]


def _mentioning(name: str, known: Mapping[str, Option]) -> list[str]:
    word = re.compile(rf"\b{re.escape(name.replace('_', ' '))}\b", re.IGNORECASE)
    found = [option for option, one in known.items() if word.search(one.limits.doc)]
    return found if len(found) <= MOST else []
