"""How long commands take beside `python -c "import torch"`, side by side in one run.

    python tests/benchmarks/startup.py [ROUNDS]

Each round runs every command once, in turn, so that what else the machine does falls on all alike. Printed are the
medians of the processor's seconds and their ratio to the import of torch. `list-methods` and `new` do without torch;
`show` and `recipe check` need the stages of one method, and should stay below 1.5.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile

MBO = (sys.executable, "-m", "mbo_core")
TORCH = "import torch"
COMMANDS = {
    TORCH: (sys.executable, "-c", TORCH),
    "list-methods": (*MBO, "list-methods"),
    "new": (*MBO, "new", "x", "--into"),
    "show coms": (*MBO, "show", "coms"),
    "recipe check coms": (*MBO, "recipe", "check", "coms"),
}


def seconds(command: tuple[str, ...]) -> float:
    """The processor's seconds that a command takes in a fresh Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(name: str) -> float:
    """One run of a command; a new plugin goes into a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds((*COMMANDS[name], folder) if name == "new" else COMMANDS[name])


def main(rounds: int = 5) -> None:
    """Print a line for each command."""
    for name in COMMANDS:
        timed(name)  # The first run may compile modules.
    took = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, all_of_it in took.items():
            all_of_it.append(timed(name))
    torch = statistics.median(took[TORCH])
    for name, all_of_it in took.items():
        print(f"{name:<18} {statistics.median(all_of_it):6.2f} s {statistics.median(all_of_it) / torch:6.2f} x")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
