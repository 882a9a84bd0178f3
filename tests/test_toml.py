"""Each value of a recipe knows where it was written, and layers merge key by key."""

from __future__ import annotations

import pytest

from mbo_core.errors import RecipeError
from mbo_core.toml import Sourced, assignment, dotted, leaves, merge, parse, plain, read, subtable

TEXT = """\
# a comment = 1
[method]
name = "a"      # [not.a.header]
summary = \"\"\"
[no.header]
note = none
\"\"\"
paper = "b"

[when.discrete]
proxy.epochs = 2
'update'.\"step size\" = 3

[ when . "TF-Bind.8]" ] # a comment
proxy = { epochs = 4, inner = { use = "b" } }

[preset.quick.proxy]
hidden = [
  [64],
  [32]
]
epochs = 5

[proxy]
"learning.rate" = 6
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["method"], 2),
        (["method", "name"], 3),
        (["method", "paper"], 8),
        (["method", "note"], 2),
        (["when", "discrete"], 10),
        (["when", "discrete", "proxy", "epochs"], 11),
        (["when", "discrete", "proxy"], 11),
        (["when", "discrete", "update", "step size"], 12),
        (["when", "TF-Bind.8]"], 14),
        (["when", "TF-Bind.8]", "proxy"], 15),
        (["when", "TF-Bind.8]", "proxy", "inner", "use"], 15),
        (["preset"], 17),
        (["preset", "quick", "proxy", "hidden"], 18),
        (["preset", "quick", "proxy", "epochs"], 22),
        (["proxy"], 24),
        (["proxy", "learning.rate"], 25),
        (["proxy", "epochs"], 24),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, list) else "",
)
def test_a_key_has_its_line(keys, line):
    """Or that of the table around it."""
    assert parse(TEXT, "mine").where(*keys) == f"mine:{line}"


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfextends = 'coms'\r\n")
    assert read(path).table == {"extends": Sourced("coms", "mine.toml:1")}


def test_lines_are_counted_as_toml_counts_them():
    document = parse("# one\u2028line\r\n[proxy]\r\nepochs = 1\r\n", "mine")
    assert document.table == {"proxy": {"epochs": Sourced(1, "mine:3")}}
    assert document.where("nowhere") == "mine"


def test_each_value_carries_its_file_and_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[proxy]\nuse = "a"\nepochs = 5\n')
    document = read(path)
    assert document.name == "mine"
    assert document.table == {"proxy": {"use": Sourced("a", "mine.toml:2"), "epochs": Sourced(5, "mine.toml:3")}}
    assert plain(document.table) == {"proxy": {"use": "a", "epochs": 5}}
    assert list(leaves(document.table)) == [
        (("proxy", "use"), Sourced("a", "mine.toml:2")),
        (("proxy", "epochs"), Sourced(5, "mine.toml:3")),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[proxy]\nepochs = \n", ["bad.toml is not valid TOML", "line 2"]),
        (b"a = 1\na = 2\n", ["bad.toml is not valid TOML"]),
        (b"a = '\xff'", ["bad.toml is not UTF-8 text"]),
        (None, ["cannot read the recipe", "bad.toml", "No such file"]),
    ],
    ids=["syntax", "twice", "latin", "missing"],
)
def test_a_file_that_cannot_be_read_is_named(content, words, tmp_path):
    if content is not None:
        (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(RecipeError) as refused:
        read(tmp_path / "bad.toml")
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("proxy", ("proxy",)),
        ("a . 'b.c' . \"d\"", ("a", "b.c", "d")),
        ("", ()),
        ("a b", ()),
        ("a.", ()),
        ("#", ()),
    ],
)
def test_a_dotted_key_is_taken_apart(key, parts):
    assert dotted(key) == parts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5),
        ("5.0", 5.0),
        ("true", True),
        ("[64, 64]", [64, 64]),
        ('"5"', "5"),
        ("soft-logits", "soft-logits"),
        ("a = b", "a = b"),
        ("", ""),
        ("5\nupdate.steps = 7", "5\nupdate.steps = 7"),
        ("9" * 5000, "9" * 5000),
        ("[" * 5000, "[" * 5000),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_set_values_are_toml(value, expected):
    """A bare word is a string."""
    text = f"proxy.inner.option={value}"
    leaf = assignment(text)["proxy"]["inner"]["option"]
    assert leaf == Sourced(expected, f"--set {text}")
    assert type(leaf.value) is type(expected)


def test_an_inline_table_can_be_set():
    text = "proxy = { use = 'a', inner = { steps = 3 } }"
    use, steps = Sourced("a", f"--set {text}"), Sourced(3, f"--set {text}")
    assert assignment(text) == {"proxy": {"use": use, "inner": {"steps": steps}}}


@pytest.mark.parametrize(
    "text", ["proxy.epochs", "=5", "proxy epochs=5", "#=5", "proxy..epochs=5", f"{'a.' * 2000}b=5"]
)
def test_an_invalid_assignment_is_refused(text):
    """With an example."""
    with pytest.raises(RecipeError) as refused:
        assignment(text)
    assert f"invalid assignment: --set {text}" in str(refused.value)
    assert "proxy.epochs=5" in str(refused.value)


@pytest.mark.parametrize(
    ("base", "layer", "merged"),
    [
        ('use = "a"\nx = 1\ny = 2', "y = 3\nz = 4", {"use": "a", "x": 1, "y": 3, "z": 4}),
        ('use = "a"\nx = 1', 'use = "a"\ny = 2', {"use": "a", "x": 1, "y": 2}),
        ('use = "a"\nx = 1', 'use = "b"\ny = 2', {"use": "b", "y": 2}),
        ("x = 1", 'use = "b"', {"use": "b"}),
        ('use = "a"\ninner = {use = "c", x = 1}', 'inner.use = "d"', {"use": "a", "inner": {"use": "d"}}),
        ('use = "a"\ninner = {use = "c", x = 1}', "inner.x = 2", {"use": "a", "inner": {"use": "c", "x": 2}}),
        ("x = 1", "x = [2]", {"x": [2]}),
        ("", "x = 1", {"x": 1}),
        ("x = 1", "", {"x": 1}),
    ],
)
def test_a_layer_overrides_its_base(base, layer, merged):
    """Another `use` resets the options."""
    tables = [parse(f"[proxy]\n{text}", "mine").table for text in (base, layer)]
    before = plain(tables[0])
    assert plain(merge(*tables)) == {"proxy": merged}
    assert plain(tables[0]) == before


def test_a_value_counts_as_empty_table():
    assert subtable(parse("proxy = 5", "mine").table, "proxy") == {}
    assert subtable({}, "proxy") == {}
