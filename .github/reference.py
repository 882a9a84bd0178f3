"""Render the API reference from the docstrings: `python .github/reference.py [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path
from pkgutil import walk_packages

import pdoc

import mbo_core


def main(out: Path) -> None:
    """Write a page for each module of the core."""
    for name in mbo_core.__all__:
        # These are imported on first use, which pdoc does not wait for.
        setattr(mbo_core, name, getattr(mbo_core, name))
    modules = [one.name for one in walk_packages(mbo_core.__path__, "mbo_core.") if "__main__" not in one.name]
    pdoc.render.configure(docformat="google")
    pdoc.pdoc("mbo_core", *modules, output_directory=out)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/reference"))
