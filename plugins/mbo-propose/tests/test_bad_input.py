"""Bad input: one clear message and a hint, exit code 2, nothing written."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from mbo_propose.commands import propose

ROWS = [f"{row},{'air' if row % 2 else 'N2'},{row / 4}" for row in range(12)]
GOOD = "\n".join(["heat,gas,score", *ROWS, ""])


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """The message for a table and options; the folder holds the same files afterwards."""

    monkeypatch.chdir(tmp_path)

    def refused(content: str | bytes | None, *options: str) -> str:
        path = tmp_path / "lab.csv"
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        before = sorted(tmp_path.rglob("*"))
        given = options if "--target" in options else (*options, "--target", "score")
        done = CliRunner().invoke(propose, [str(path), *given])
        assert done.exit_code == 2, done.output
        assert "hint: " in done.stderr
        assert not done.stdout
        assert sorted(tmp_path.rglob("*")) == before
        return done.stderr

    return refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("", "is empty"),
        (bytes(range(256)), "is binary"),
        ("score\n1\n2\n", "has only one column"),
        (GOOD.replace("gas", "heat"), 'duplicate column "heat"'),
        (GOOD.replace("air", "süß").encode() + b"13,\xff,1\n", "is UTF-8, but for"),
        (GOOD.replace("score", "yield"), 'unknown target "score"'),
        (GOOD.replace("score", "Scores"), 'did you mean "Scores"?'),
        (GOOD + "13,air,broken\n", 'cells that are no numbers: 1 "broken"'),
        (GOOD + "13,air,inf\n", "is infinite in row 14"),
        ("\n".join(["heat,score", *(f"{row},3" for row in range(12))]), "is always 3"),
        ("\n".join(["heat,score", *(f"{row},n.d." for row in range(12))]), 'has no score: 12 "n.d."'),
        ("\n".join(["heat,score", *(f"{row},{row}" for row in range(7))]), "1 are missing"),
        ("\n".join(["lot,score", *(f"lot {row % 1000} a,{row}" for row in range(2500))]), "has 1,000 levels in 2,500"),
    ],
)
def test_tables_are_refused(refused, content, said):
    assert said in refused(content)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ignore", "haet"], 'did you mean "heat"?'),
        (["--error", "gas"], 'error "gas" holds no numbers'),
        (["--sheet", "Data"], "has no sheets"),
    ],
    ids=" ".join,
)
def test_wishes_are_refused(refused, options, said):
    assert said in refused(GOOD, *options)


def test_a_directory_is_refused(tmp_path):
    done = CliRunner().invoke(propose, [str(tmp_path), "--target", "score"])
    assert (done.exit_code, "is a directory" in done.stderr) == (2, True)


def test_a_folder_that_cannot_be_made(refused, tmp_path):
    (tmp_path / "taken").write_text("kept")
    assert "taken" in refused(GOOD, "--out", str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_text() == "kept"


def test_a_thousand_levels_are_read_where_asked(tmp_path):
    rows = [f"A-{row % 1000},{row % 7},{row}" for row in range(2000)]
    (tmp_path / "lab.csv").write_text("\n".join(["additive,heat,score", *rows]))
    (tmp_path / "space.toml").write_text('[columns.additive]\nkind = "category"\n')
    options = ["--target", "score", "--dry-run", "--space", str(tmp_path / "space.toml")]
    done = CliRunner().invoke(propose, [str(tmp_path / "lab.csv"), *options])
    assert done.exit_code == 0, done.output
    assert "(1000)" in " ".join(done.output.split())
