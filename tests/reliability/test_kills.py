"""Runs that are killed, or find the disk full, go on to the same designs: a few; `kills.py --full` tries many."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kills.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
@pytest.mark.parametrize(
    "some", [("--each", "1", "--writes", "0"), ("--each", "0", "--writes", "2")], ids=["kills", "disk"]
)
def test_what_is_stopped_goes_on(some):
    done = subprocess.run([sys.executable, str(SCRIPT), *some], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
