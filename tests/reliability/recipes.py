"""Random recipes: each gives a checked run, or an error for people that names what is wrong."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tally import Tally, main

import mbo_core as mbo
from mbo_core.runs.planning import plan

ROLES = ("encoding", "adversary", "proxy", "update", "evaluation")
OPTIONS = (
    "epochs",
    "hidden",
    "steps",
    "candidates",
    "learning_rate",
    "held_out",
    "objective",
    "keep",
    "use",
    "x\x1b[2J",
)
VALUES = ("1", "0", "-1", "nan", "inf", "1e309", '""', "[]", "[4]", "{}", "true", '"none"', '"[/bold]"', "1979-05-27")
NOISE = ("[", "]", "=", '"', "\x00", "\u202e", "\ud800", "#", "\r", "[[method]]", "extends = ", "'''", "9" * 5000)


def trials(count: int, seed: int = 0) -> Tally:
    """Plan `count` random recipes on a small table."""
    draw, found, registry = random.Random(seed), Tally(), mbo.installed()
    x = np.random.default_rng(0).normal(size=(30, 2))
    task = mbo.Task("bowl", x, -(x**2).sum(1))
    methods = list(registry.methods)
    makers: list[Callable[[], Any]] = [
        lambda: _document(draw, methods),
        lambda: _text(draw, registry.methods[draw.choice(methods)].path.read_text("utf-8")),
        lambda: _written(draw, methods),
    ]
    with tempfile.TemporaryDirectory() as home:
        for number in range(count):
            made = draw.choice(makers)()
            recipe = _stored(made, Path(home)) if isinstance(made, str) else made
            found.case(
                f"recipe {number} of seed {seed}: {str(made)[:200]!r}",
                lambda recipe=recipe: plan(recipe, task, seeds=1),  # type: ignore[misc]
                ("fine", "refused"),
            )
    return found


def _stored(text: str, home: Path) -> Path:
    path = home / "recipe.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def _document(draw: random.Random, methods: list[str]) -> dict[str, Any]:
    """A recipe as a dict, with values of any kind anywhere."""
    odd: list[Any] = [
        None,
        3,
        -1,
        1.5,
        float("nan"),
        "",
        "none",
        [],
        [None],
        {},
        {"use": 3},
        b"x",
        object(),
        True,
        {1: 2},
    ]
    document: dict[Any, Any] = {}
    if draw.random() < 0.5:
        document["extends"] = draw.choice([*methods, *odd])
    for role in draw.sample([*ROLES, "method", "run", "when", "preset", "listing", "x", 5], draw.randint(0, 4)):
        keys = draw.sample(OPTIONS, draw.randint(0, 3))
        document[role] = draw.choice([{key: draw.choice(odd) for key in keys}, draw.choice(odd)])
    return document


def _text(draw: random.Random, text: str) -> str:
    """A shipped recipe with a few places changed."""
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(text) + 1)
        text = text[:place] + draw.choice(["", *NOISE, *VALUES]) + text[place + draw.choice([0, 1, 20]) :]
    return text


def _written(draw: random.Random, methods: list[str]) -> str:
    """A file that is TOML in form."""
    lines = [f'extends = "{draw.choice(methods)}"'] if draw.random() < 0.7 else []
    for role in draw.sample(ROLES, draw.randint(0, 3)):
        lines += [f"[{role}]"]
        lines += [f'"{name}" = {draw.choice(VALUES)}' for name in draw.sample(OPTIONS[:-1], draw.randint(0, 3))]
    return "\n".join(lines)


if __name__ == "__main__":
    main(trials, small=200, full=5_000)
