"""The scripts of this folder in a small form; by hand in full: `python tests/reliability/recipes.py --full`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["recipes", "folders", "tables", "hooks", "servers"])
def test_nothing_ends_in_a_traceback(kind):
    """Nor in a success that cannot be, nor in a hang."""
    done = subprocess.run([sys.executable, Path(__file__).with_name(f"{kind}.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
