"""Templates: texts with `$words` and conditional lines.

A line that starts with `?fact ` is kept if the fact holds, one with `!fact ` if it does not, and one with
`?first+second ` if both hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from importlib.resources import files
from string import Template

CONDITION = re.compile(r"([?!])([a-z_+]+)(?: |$)")


def filled(name: str, words: Mapping[str, str], facts: Set[str]) -> str:
    """The text of a template.

    Args:
        name: its path in the templates folder, without `.tmpl`.
        words: the replacement of each `$word`; `$$` is a dollar sign.
        facts: the facts that hold.
    """
    text = (files("mbo_core.scaffold") / "templates" / f"{name}.tmpl").read_text(encoding="utf-8")
    return Template("\n".join(chosen(text, facts))).substitute(words)


def chosen(text: str, facts: Set[str]) -> Iterator[str]:
    r"""The lines that are kept, without their conditions.

    >>> list(chosen("?one 1\n!one 2\n?one+two 3\n4", {"one"}))
    ['1', '4']
    """
    for line in text.split("\n"):
        condition = CONDITION.match(line)
        if condition is None:
            yield line
            continue
        sign, names = condition.groups()
        holds = set(names.split("+")) <= facts
        if holds == (sign == "?"):
            yield line[condition.end() :]
