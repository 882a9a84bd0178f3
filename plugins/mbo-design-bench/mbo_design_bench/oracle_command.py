"""`mbo data train-oracle`."""

from __future__ import annotations

from dataclasses import asdict

import click

from mbo_core.cli.common import json_option, print_json
from mbo_core.text import say


@click.command("train-oracle")
@click.argument("task")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="The task's own oracle is 0."
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="For a quick look, marked as such; by default the task's number.",
)
@json_option
def train_oracle(task: str, seed: int, epochs: int | None, as_json: bool) -> None:
    """Train the oracle network of TASK (GFP or UTR) on all of its data, in some minutes.

    Oracles of seeds other than 0 are reported beside the task's own.
    """
    from mbo_core.cli.run import progress
    from mbo_design_bench import learned
    from mbo_design_bench.facts import named

    facts = named(task)
    learned.form_of(facts)
    with progress() as report:
        path, about = learned.train(facts, seed, epochs, report)
    if as_json:
        print_json({**asdict(about), "path": str(path)})
        return
    kind = "a quick look of" if about.quick_look else "trained for"
    say(
        f"{task}, seed {seed}: {kind} {about.epochs} epochs in {about.seconds:.0f} s; Spearman "
        f"{about.held_out_spearman:.3f} on {about.held_out_rows} held-out rows; {path}"
    )
