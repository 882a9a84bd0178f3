"""The list of plugins that can be installed."""

from __future__ import annotations

import json
from pathlib import Path

from mbo_core.plugins.known import known
from mbo_core.toml import plain, read

SHIPPED = [read(path) for path in sorted((Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))]


def test_the_list_is_complete():
    projects = [plain(one.table["project"]) for one in SHIPPED]
    shipped = {(name, one["name"]) for one in projects for name in one["entry-points"]["mbo.plugins"]}
    assert shipped
    assert {(one.name, one.distribution) for one in known([])} == shipped


def test_the_command_line_lists_them(beside):
    listed = json.loads(beside({"coms": ""}, "plugins", "--available", "--json").stdout)["available"]
    rows = {one["name"]: one for one in listed}
    assert rows["coms"]["installed"] is not None
    assert rows["coms"]["install"] == "pip install mbo-coms"


def test_it_tells_what_is_installed(install):
    [coms] = [one for one in known(install({"other": ""}).plugins) if one.name == "coms"]
    assert (coms.installed, coms.install) == (None, "pip install mbo-coms")
    [coms] = [one for one in known(install({"coms": ""}).plugins) if one.name == "coms"]
    assert coms.installed == "1.0"
