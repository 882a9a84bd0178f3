"""What `mbo propose` prints."""

from __future__ import annotations

from mbo_core.cli.common import print_table
from mbo_core.text import say
from mbo_propose.record import CANNOT_TELL, Proposal, Proposals


def show(stage: str, made: Proposals) -> None:
    """Print the space, the verdict or the proposals as soon as they are known."""
    {"space": _space, "verdict": _verdict, "proposals": _proposals}[stage](made)


def _space(made: Proposals) -> None:
    for note in made.given.notes:
        say(note)
    if made.calibration is not None:
        say(f"the last batch: {made.calibration.sentence}")
    print_table(["column", "kind", "range", "step", "levels", "why"], [one.cells() for one in made.columns], "space")
    if made.wishes.space is None:
        say("to correct the space: write it with --save-space space.toml, edit it, and give it with --space")


def _verdict(made: Proposals) -> None:
    assert made.judged is not None
    say(f"verdict: {made.judged.sentence}")
    for line in made.judged.reasons:
        say(f"  {line}")
    say(f"recipe: {made.recipe}")
    for line in made.reasons:
        say(f"  {line}")


def _proposals(made: Proposals) -> None:
    for note in made.notes[len(made.given.notes) :]:
        say(note)
    best = f"{made.wishes.target} {made.best_tried:g}{_unit(made)}"
    say(f"best tried: {best} (row {made.given.rows[made.best_place]}; the first is 0)")
    if made.proposals:
        _designs(made)
        _trust(made)
    for line in made.helps:
        say(f"what would help: {line}")
    if made.folder:
        say(f"stored in {made.folder}")


def _designs(made: Proposals) -> None:
    """The designs: columns in which they differ as a table, the others in a line."""
    designs = [one.design for one in made.proposals]
    same = {name: cell for name, cell in designs[0].items() if all(one[name] == cell for one in designs)}
    names = [name for name in designs[0] if name not in same]
    behind = made.given.table.dialect.behind
    if same and names:
        listed = (f"{name} {_cell(cell)}{behind.get(name, '')}" for name, cell in same.items())
        say(f"all proposals have {', '.join(listed)}")
    shown = names or list(same)
    lines = [[str(place), *(_cell(one[name]) for name in shown)] for place, one in enumerate(designs, 1)]
    heads = [f">{name} ({behind[name].strip()})" if name in behind else f">{name}" for name in shown]
    print_table([">", *heads], lines, "proposals")


def _trust(made: Proposals) -> None:
    success = any(one.success is not None for one in made.proposals)
    kept = any(one.kept is not None for one in made.proposals)
    heads = [">", ">predicted", ">±", ">lower", ">gap", ">distance", ">to row", "tier", "flag"]
    heads += [">success"] * success + [">limits"] * kept
    lines = [
        [str(place), *_numbers(one), one.tier, one.flag, *_chances(one)] for place, one in enumerate(made.proposals, 1)
    ]
    print_table(heads, lines, "how far to trust them")
    _legend(made)
    for (flag, why), places in _by_reason(made).items():
        say(f"  {flag}: {why}: {', '.join(places)}")


def _legend(made: Proposals) -> None:
    """What the columns mean, and whether anything is gained at all."""
    if all(one.lower is None for one in made.proposals):
        say("lower: too few rows like these designs to say what 9 of 10 of them reach")
    else:
        say(f"lower: what 9 of 10 such designs reach{' at most' if made.wishes.minimize else ''}")
    say("gap: what an adversary takes off the prediction within half a spacing")
    say("distance: to the nearest tried design (to row), in units of the typical distance between tried designs")
    if any(one.success is not None for one in made.proposals):
        say("success: the chance to get a score at all")
    if any(one.kept is not None for one in made.proposals):
        say("limits: the chance to keep all limits")
    if max(one.gain for one in made.proposals) <= 0:
        say("none of them is predicted to be better than the best tried design")


def _by_reason(made: Proposals) -> dict[tuple[str, str], list[str]]:
    """The numbers of the proposals with each flag and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for place, one in enumerate(made.proposals, 1):
        if one.why:
            found.setdefault((one.flag, one.why), []).append(str(place))
    return found


def _unit(made: Proposals) -> str:
    return f" {made.unit}" if made.unit and made.unit not in made.wishes.target else ""


def _numbers(one: Proposal) -> list[str]:
    lower = CANNOT_TELL if one.lower is None else f"{one.lower:.4g}"
    predicted = [f"{one.predicted:.4g}", f"{one.spread:.2g}", lower, f"{one.gap:.2g}"]
    return [*predicted, f"{one.distance:.2f}", str(one.nearest_row)]


def _chances(one: Proposal) -> list[str]:
    return [f"{chance:.2f}" for chance in (one.success, one.kept) if chance is not None]


def _cell(cell: object) -> str:
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell)
