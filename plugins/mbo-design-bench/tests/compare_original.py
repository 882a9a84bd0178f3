"""Install design-bench 2.0.20 the light way and compare its tasks with ours, on each Python.

    python compare_original.py python3.11 python3.13

Each PYTHON gets an environment in a temporary folder: this repository and the package without their dependencies, and
what the tasks need of these; no torch. Then the tests of the adapter run there, those on the package itself included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from mbo_design_bench.original.adapter import INSTALL

TESTS = Path(__file__).parent
PLUGIN = TESTS.parent
REPOSITORY = PLUGIN.parents[1]
NEEDED = ("click", "numpy", "platformdirs", "pluggy", "requests", "pytest", "rich", "scikit-learn")


@click.command(help=__doc__)
@click.argument("pythons", nargs=-1, required=True, metavar="PYTHON...")
def main(pythons: tuple[str, ...]) -> None:
    """Compare on each; the exit code is 1 if a test failed."""
    sys.exit(max(compare(python) for python in pythons))


def compare(python: str) -> int:
    """Install and test in an environment of its own: pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        inside = str(Path(folder, "bin", "python"))
        pip = [inside, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *NEEDED], check=True)
        subprocess.run([*pip, "--no-deps", str(REPOSITORY), str(PLUGIN)], check=True)
        subprocess.run([inside, "-m", *INSTALL.split(), "--quiet"], check=True)
        subprocess.run([inside, "--version"], check=True)
        subprocess.run([inside, "-m", "pip", "list", "--format=freeze"], check=True)
        tests = [str(TESTS / name) for name in ("test_original.py", "test_original_package.py", "test_tf_bind_8.py")]
        command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", *tests]
        return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode


if __name__ == "__main__":
    main()
