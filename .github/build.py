"""Build the wheel and the sdist of every distribution here, and check them: `python .github/build.py [FOLDER]`."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

TOP = Path(__file__).parents[1]
PROJECTS = [TOP, *sorted(path.parent for path in TOP.glob("plugins/*/pyproject.toml"))]


def main(out: Path) -> None:
    """Build all, then refuse what lacks a file or what an index would not take."""
    for folder in PROJECTS:
        # Without isolation: the requirements for development have the backend, and no build asks the network for it.
        call("build", "--no-isolation", "--outdir", str(out), str(folder))
    call("twine", "check", "--strict", *(str(path) for path in sorted(out.iterdir())))
    lacking = [f"{path.name} lacks {name}" for folder in PROJECTS for path, name in missing(folder, out)]
    if lacking:
        sys.exit("\n".join(lacking))


def call(module: str, *arguments: str) -> None:
    """Run a tool; its output is shown only if it fails."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join([module, *arguments])}\n{done.stdout}{done.stderr}")


def missing(folder: Path, out: Path) -> list[tuple[Path, str]]:
    """What a distribution's wheel or sdist should hold and does not."""
    about = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = about["name"].replace("-", "_")
    stem = f"{name}-{about['version']}"
    wheel, sdist = out / f"{stem}-py3-none-any.whl", out / f"{stem}.tar.gz"
    with tarfile.open(sdist) as archive:
        held = {wheel: ZipFile(wheel).namelist(), sdist: archive.getnames()}
    files = [path for path in (folder / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    package = [path.relative_to(folder).as_posix() for path in files]
    licences = about["license-files"]
    wanted = {
        wheel: [*package, f"{name}/py.typed", *(f"{stem}.dist-info/licenses/{one}" for one in licences)],
        sdist: [f"{stem}/{one}" for one in (*package, *licences, "README.md", "pyproject.toml")],
    }
    return [(path, one) for path, names in wanted.items() for one in names if one not in held[path]]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "dist")
