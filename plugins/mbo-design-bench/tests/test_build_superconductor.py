from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mbo_design_bench import build_superconductor, rows
from mbo_design_bench.facts import SUPERCONDUCTOR

from mbo_core.errors import TaskError


def table(path: Path, numbers, header: list[str] = build_superconductor.HEADER) -> Path:
    """A table as UCI ships it: the numbers, then the formula."""
    lines = [",".join([*(f"{value:.9g}" for value in row), "Ba0.2La1.8Cu1O4"]) for row in numbers]
    path.write_text("\n".join([",".join(header), *lines, ""]))
    return path


@pytest.mark.slow
def test_the_table_of_uci_becomes_the_file(superconductor_folder, empty):
    with np.load(superconductor_folder / build_superconductor.FILE, allow_pickle=False) as archive:
        x, y = archive["x"], archive["y"]
    csv = table(empty / "unique_m.csv", np.column_stack([x, y]))
    result = CliRunner().invoke(build_superconductor.main, [str(csv)], catch_exceptions=False)
    written = empty / build_superconductor.FILE
    assert result.output.strip() == str(written)
    with np.load(written, allow_pickle=False) as archive:
        assert np.array_equal(archive["x"], x)
        assert np.array_equal(archive["y"], y)


def test_it_writes_where_it_is_told(superconductor_folder, tmp_path, monkeypatch):
    read = dict(zip(("x", "y"), rows.read(SUPERCONDUCTOR), strict=True))
    monkeypatch.setattr(build_superconductor, "build", lambda _: read)
    csv = table(tmp_path / "unique_m.csv", [])
    folder = tmp_path / "new" / "place"
    CliRunner().invoke(build_superconductor.main, [str(csv), "--folder", str(folder)], catch_exceptions=False)
    assert (folder / build_superconductor.FILE).is_file()


def test_other_columns_are_an_error(tmp_path):
    with pytest.raises(TaskError, match="has the columns"):
        build_superconductor.build(table(tmp_path / "train.csv", [], header=["number_of_elements", "critical_temp"]))


def test_an_empty_table_is_an_error(tmp_path):
    (tmp_path / "unique_m.csv").touch()
    with pytest.raises(TaskError, match=r"has the columns \[\]"):
        build_superconductor.build(tmp_path / "unique_m.csv")


@pytest.mark.parametrize("content", [b"\xff\xfe\n", ",".join(build_superconductor.HEADER).encode() + b"\nmany,1\n"])
def test_a_table_without_numbers_is_an_error(tmp_path, content):
    (tmp_path / "unique_m.csv").write_bytes(content)
    with pytest.raises(TaskError, match=r"unique_m\.csv cannot be read"):
        build_superconductor.build(tmp_path / "unique_m.csv")


def test_other_numbers_are_an_error(tmp_path):
    with pytest.raises(TaskError, match="differs from the published"):
        build_superconductor.build(table(tmp_path / "unique_m.csv", np.ones((3, 87))))
