"""`python -m mbo_core` is `mbo`."""

from mbo_core.cli import main

main(prog_name="mbo")
