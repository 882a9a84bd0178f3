"""Garbled folders of runs: `mbo show`, `mbo.load` and `mbo.compare` give a result or an error for people."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.testing import CliRunner
from tally import Tally, main

import mbo_core as mbo
from mbo_core.cli import main as program

ODD: tuple[Any, ...] = (None, 3, -1.5, "", "\x1b[2J", [], {}, [None], {"a": None}, True, 10**400, "9" * 300)


def trials(count: int, seed: int = 0) -> Tally:
    """Garble a run's folder `count` times, and look at it."""
    draw, found = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as home:
        whole = _run(Path(home, "whole"))
        for number in range(count):
            folder = Path(home, "garbled")
            shutil.copytree(whole, folder)
            how = draw.choice(WAYS)(draw, folder)
            label = f"folder {number} of seed {seed} ({how})"
            look = draw.choice(LOOKS)
            found.case(label, lambda folder=folder, look=look: look(folder), ("fine", "refused"))  # type: ignore[misc]
            shutil.rmtree(folder)
    return found


def _run(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(30, 2))
    task = mbo.Task("bowl", x, -(x**2).sum(1), oracle=lambda designs: -(designs**2).sum(1))
    sets = ["proxy.epochs=1", "proxy.hidden=[4]", "update.steps=1", "update.candidates=4"]
    mbo.run("grad-ascent", task, seeds=2, set=sets, out=folder)
    return folder


def _show(folder: Path) -> None:
    done = CliRunner().invoke(program, ["show", str(folder)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code:
        raise click.ClickException(done.output)


def _load(folder: Path) -> None:
    result = mbo.load(folder)
    result.frame()
    repr(result)
    if result.predictors:
        result.predict(result.task.x[:2])


LOOKS: tuple[Callable[[Path], object], ...] = (_show, _load, lambda folder: mbo.compare([folder]))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _cut(draw: random.Random, folder: Path) -> str:
    path = draw.choice(_files(folder))
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content) + 1)])
    return f"{path.name} cut"


def _flip(draw: random.Random, folder: Path) -> str:
    path = draw.choice(_files(folder))
    content = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 20) if content else 0):
        content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(bytes(content))
    return f"{path.name} flipped"


def _gone(draw: random.Random, folder: Path) -> str:
    path = draw.choice(_files(folder))
    path.unlink()
    if draw.random() < 0.3:
        path.mkdir()
    return f"{path.name} gone"


def _swapped(draw: random.Random, folder: Path) -> str:
    first, second = draw.sample(_files(folder), 2)
    first.write_bytes(second.read_bytes())
    return f"{first.name} is {second.name}"


def _record(draw: random.Random, folder: Path) -> str:
    """Change one value of the record, at any depth."""
    record: Any = json.loads((folder / "run.json").read_text())
    place, path = record, []
    while True:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        path.append(str(key))
        if not isinstance(place[key], (dict, list)) or not place[key] or draw.random() < 0.4:
            break
        place = place[key]
    if isinstance(place, dict) and draw.random() < 0.3:
        del place[key]
    else:
        place[key] = draw.choice(ODD)
    (folder / "run.json").write_text(json.dumps(record))
    return f"run.json {'.'.join(path)}"


WAYS = (_cut, _flip, _gone, _swapped, _record, _record, _record)

if __name__ == "__main__":
    main(trials, small=100, full=1_000)
