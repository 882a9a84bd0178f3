"""What `mbo propose` prints."""

from __future__ import annotations

import click

from mbo_core.cli.common import print_table
from mbo_propose.record import CANNOT_TELL, Proposal, Proposals


def show(stage: str, made: Proposals) -> None:
    """Print the space, the verdict or the proposals as soon as they are known."""
    {"space": _space, "verdict": _verdict, "proposals": _proposals}[stage](made)


def _space(made: Proposals) -> None:
    for note in made.notes:
        click.echo(note)
    if made.calibration is not None:
        click.echo(f"the last batch: {made.calibration.sentence}")
    print_table(["column", "kind", "range", "step", "levels", "why"], [one.cells() for one in made.columns], "space")


def _verdict(made: Proposals) -> None:
    assert made.judged is not None
    click.echo(f"verdict: {made.judged.sentence}")
    for line in made.judged.reasons:
        click.echo(f"  {line}")
    click.echo(f"recipe: {made.recipe}")
    for line in made.reasons:
        click.echo(f"  {line}")


def _proposals(made: Proposals) -> None:
    click.echo(f"best tried: {made.best_tried:g}{_unit(made)} (row {made.given.rows[made.best_place]})")
    if made.proposals:
        _designs(made)
        _trust(made)
    for line in made.helps:
        click.echo(f"what would help: {line}")
    if made.folder:
        click.echo(f"stored in {made.folder}")


def _designs(made: Proposals) -> None:
    """The designs: columns in which they differ as a table, the others in a line."""
    designs = [one.design for one in made.proposals]
    same = {name: cell for name, cell in designs[0].items() if all(one[name] == cell for one in designs)}
    names = [name for name in designs[0] if name not in same]
    if same and names:
        click.echo(f"all proposals have {', '.join(f'{name} {_cell(cell)}' for name, cell in same.items())}")
    shown = names or list(same)
    lines = [[str(place), *(_cell(one[name]) for name in shown)] for place, one in enumerate(designs, 1)]
    print_table([">", *(f">{name}" for name in shown)], lines, "proposals")


def _trust(made: Proposals) -> None:
    success = any(one.success is not None for one in made.proposals)
    kept = any(one.kept is not None for one in made.proposals)
    heads = [">", ">predicted", ">±", ">lower", ">gap", ">distance", ">to row", "tier", "flag"]
    heads += [">success"] * success + [">limits"] * kept
    lines = [
        [str(place), *_numbers(one), one.tier, one.flag, *_chances(one)] for place, one in enumerate(made.proposals, 1)
    ]
    print_table(heads, lines, "how far to trust them")
    click.echo("lower: reached by 9 of 10 such designs; gap: what an adversary takes off within half a spacing")
    click.echo("distance: to the nearest tried design, in spacings of the data")
    for (flag, why), places in _by_reason(made).items():
        click.echo(f"  {flag}: {why}: {', '.join(places)}")


def _by_reason(made: Proposals) -> dict[tuple[str, str], list[str]]:
    """The numbers of the proposals with each flag and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for place, one in enumerate(made.proposals, 1):
        if one.why:
            found.setdefault((one.flag, one.why), []).append(str(place))
    return found


def _unit(made: Proposals) -> str:
    return f" {made.unit}" if made.unit else ""


def _numbers(one: Proposal) -> list[str]:
    lower = CANNOT_TELL if one.lower is None else f"{one.lower:.4g}"
    predicted = [f"{one.predicted:.4g}", f"{one.spread:.2g}", lower, f"{one.gap:.2g}"]
    return [*predicted, f"{one.distance:.2f}", str(one.nearest_row)]


def _chances(one: Proposal) -> list[str]:
    return [f"{chance:.2f}" for chance in (one.success, one.kept) if chance is not None]


def _cell(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
